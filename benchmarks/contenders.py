"""The contenders, and the environments of those that need their own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from benchmarks.measure import BASE
from benchmarks.processes import ROOT, ContenderError, output
from pyxenon_java.java import find_java

__all__ = ["Contender", "contenders", "other_checkout", "title"]

_VERSION = "3.0.3"
# Its generated modules need protobuf 3.20 or older, whose fast implementation exists up to Python 3.10.
_PYTHON = "3.10"
_REQUIREMENTS = ("protobuf<3.21", "grpcio", "pyxdg", "pyopenssl")


@dataclass(frozen=True)
class Contender:
    """A contender.

    Attributes:
        way: The function in :mod:`benchmarks.workers.clients` that makes its client.
        server: The server it uses, ``java`` or ``embedded``.
        missing: Why it cannot be measured; empty when it can.
    """

    name: str
    title: str
    way: str = ""
    server: str = "java"
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""


_ALL = [
    Contender("sdk", "xenon", "xenon"),
    Contender("sdk-async", "asynchronous", "xenon_async"),
    Contender("floor", "the floor", "floor"),
    Contender("peer", f"pyxenon {_VERSION}", "pyxenon"),
    Contender("embedded", "embedded", "xenon", "embedded"),
    Contender("java", "the Java server", "xenon"),
    Contender("java-once", "the Java server", "floor"),
    Contender("java-often", "the Java server, asked often", "xenon"),
    Contender("plain", "plain Python", "plain", ""),
    Contender("openssh", "OpenSSH's `sftp`"),
    Contender("shell", "a loop of `sbatch`"),
    Contender("docker", "Docker"),
]


def title(name: str, base: str = "") -> str:
    """Return the title of a contender; that of the other checkout also names its revision *base*."""
    words = {contender.name: contender.title for contender in _ALL}
    return f"{words[name.removesuffix(BASE)]} at {base}" if name.endswith(BASE) else words.get(name, "-")


def contenders(folder: Path, peer: bool, base_python: Path | None = None) -> dict[str, Contender]:
    """Return all contenders by name, with *base_python* also those of the other checkout. The peer writes its files to *folder*."""
    known = {contender.name: contender for contender in _ALL}
    if peer:
        known["peer"] = _find_peer(known["peer"], folder)
    if base_python:
        known.update((who.name + BASE, replace(who, name=who.name + BASE, python=base_python)) for who in _ALL)
    return known


@contextmanager
def other_checkout(revision: str) -> Iterator[tuple[str, Path]]:
    """Check *revision* out into a temporary folder with an environment of its own; yield its commit and its interpreter."""
    git = ["git", "-C", str(ROOT)]
    commit = output([*git, "rev-parse", "--short", f"{revision}^{{commit}}"])
    with tempfile.TemporaryDirectory(prefix="xenon-benchmarks-") as folder:
        tree = Path(folder) / commit
        try:
            output([*git, "worktree", "add", "--detach", tree, commit])
            print(f"making an environment for {commit}", flush=True)
            output(["make", "-C", tree, "setup", f"PYTHON={sys.base_prefix}/bin/python3"])
            yield commit, tree / ".venv" / "bin" / "python"
        finally:
            with suppress(ContenderError):
                output([*git, "worktree", "remove", "--force", tree])


def _find_peer(peer: Contender, folder: Path) -> Contender:
    """Return the peer with the first interpreter that its environment can be made for, or with the reason why there is none."""
    # It keeps its keys in the user's settings, and runs the ``java`` on the PATH.
    variables = {"XDG_CONFIG_HOME": str(folder), "PATH": f"{find_java().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{_PYTHON}.*/bin/python{_PYTHON}"), reverse=True)
    reason: Exception | None = None
    for python in filter(None, [shutil.which(f"python{_PYTHON}"), *map(str, found), sys.executable]):
        try:
            return replace(peer, python=_peer_environment(python), environment=variables)
        except (OSError, ContenderError) as error:
            reason = error
    return replace(peer, missing=f"{peer.title} cannot be installed: {reason}")


def _peer_environment(python: str) -> Path:
    """Return the interpreter of an environment, kept in the user's cache, in which ``import xenon`` is pyxenon 3."""
    version = output([python, "-c", "import platform; print(platform.python_version())"])
    folder = platformdirs.user_cache_path("pyxenon-benchmarks") / f"pyxenon-{_VERSION}-python-{version}"
    inner, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making an environment with pyxenon {_VERSION} for Python {version} in the user's cache", flush=True)
        output([python, "-m", "venv", folder])
        install: list[str | Path] = [inner, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        output([*install, *_REQUIREMENTS])
        output([*install, "--no-deps", f"pyxenon=={_VERSION}"])  # it requires grpcio-tools, which needs another protobuf and is not used
        output([inner, "-c", "import xenon; xenon.init"])
        complete.touch()
    return inner
