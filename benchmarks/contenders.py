"""The contenders, and the environments of those that have one of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from benchmarks.measure import BASE
from benchmarks.processes import ROOT, ContenderError, clean_environment
from pyxenon_java.java import find_java

__all__ = ["Contender", "contenders", "other_checkout", "title"]

_VERSION = "3.0.3"
# Its modules were made by a protoc whose output protobuf takes up to 3.20; of that, the fast implementation exists up to Python 3.10.
_PYTHON = "3.10"
_REQUIREMENTS = ("protobuf<3.21", "grpcio", "pyxdg", "pyopenssl")


@dataclass(frozen=True)
class Contender:
    """A contender: ``way`` is a function in :mod:`benchmarks.workers.clients`, and ``server`` what it uses: ``java`` or ``embedded``.

    ``missing`` says why it cannot be measured at all; empty when it can.
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
    """Return the words for a contender, or for the same of the other checkout, whose revision is *base*."""
    words = {contender.name: contender.title for contender in _ALL}
    return f"{words[name.removesuffix(BASE)]} at {base}" if name.endswith(BASE) else words.get(name, "-")


def contenders(folder: Path, peer: bool, base_python: Path | None = None) -> dict[str, Contender]:
    """Return all by name, and with *base_python* also those of the other checkout. What the peer writes goes to *folder*."""
    known = {contender.name: contender for contender in _ALL}
    if peer:
        known["peer"] = _find_peer(known["peer"], folder)
    if base_python:
        known.update((who.name + BASE, replace(who, name=who.name + BASE, python=base_python)) for who in _ALL)
    return known


@contextmanager
def other_checkout(revision: str) -> Iterator[tuple[str, Path]]:
    """Check *revision* out into a temporary folder with an environment of its own; gives its commit and its interpreter."""
    commit = _output(["git", "-C", str(ROOT), "rev-parse", "--short", f"{revision}^{{commit}}"])
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory(prefix="xenon-benchmarks-") as folder:
        tree = Path(folder) / commit
        try:
            _output([*git, "add", "--detach", str(tree), commit])
            print(f"making an environment for {commit}", flush=True)
            _output(["make", "-C", str(tree), "setup", f"PYTHON={sys.base_prefix}/bin/python3"])
            yield commit, tree / ".venv" / "bin" / "python"
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], capture_output=True, check=False)


def _find_peer(peer: Contender, folder: Path) -> Contender:
    """The peer with the first interpreter that an environment can be made for, or with the reason why there is none."""
    # It keeps its keys in the user's settings, and runs the ``java`` on the PATH.
    variables = {"XDG_CONFIG_HOME": str(folder), "PATH": f"{find_java().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{_PYTHON}.*/bin/python{_PYTHON}"), reverse=True)
    reason: Exception | None = None
    for python in [*filter(None, [shutil.which(f"python{_PYTHON}")]), *map(str, found), sys.executable]:
        try:
            return replace(peer, python=_peer_environment(python), environment=variables)
        except (OSError, ContenderError) as error:
            reason = error
    return replace(peer, missing=f"{peer.title} cannot be installed: {reason}")


def _peer_environment(python: str) -> Path:
    """The interpreter of an environment in the user's cache in which ``import xenon`` is pyxenon 3; made at the first use."""
    version = _output([python, "-c", "import platform; print(platform.python_version())"])
    folder = platformdirs.user_cache_path("pyxenon-benchmarks") / f"pyxenon-{_VERSION}-python-{version}"
    inner, mark = folder / "bin" / "python", folder / "complete"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making an environment with pyxenon {_VERSION} for Python {version} in the user's cache", flush=True)
        _output([python, "-m", "venv", str(folder)])
        install = [str(inner), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _output([*install, *_REQUIREMENTS])
        _output([*install, "--no-deps", f"pyxenon=={_VERSION}"])  # it asks for grpcio-tools, which takes another protobuf and is not used
        _output([str(inner), "-c", "import xenon; xenon.init"])
        mark.touch()
    return inner


def _output(command: list[str]) -> str:
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ContenderError(f"{Path(command[0]).name} ended with exit code {done.returncode}: {lines[-1]}")
    return done.stdout.strip()
