"""An environment for the peer: pyxenon 3 with the protobuf of its time, in the user's cache, made at the first use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from benchmarks.contenders import PEER, Contender, clean_environment
from pyxenon_java.java import find_java

__all__ = ["VERSION", "find_peer"]

VERSION = "3.0.3"
# Its modules were made by a protoc whose output protobuf takes up to 3.20; of that, the fast implementation exists up to Python 3.10.
_PYTHON = "3.10"
_REQUIREMENTS = ("protobuf<3.21", "grpcio", "pyxdg", "pyopenssl")
_MARK = "complete"
_SECONDS_FOR_PIP = 600


def find_peer(folder: Path, python: Path | None = None) -> Contender:
    """The peer, or why it cannot be measured. *folder* takes the keys that it makes; *python* is the interpreter to use for it."""
    reasons: list[str] = []
    for candidate in [python] if python else _interpreters():
        try:
            return Contender(PEER, _environment_of(candidate), _variables(folder))
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(_reason(error))
    return Contender(PEER, missing=f"pyxenon {VERSION} cannot be installed: {reasons[-1] if reasons else 'no interpreter'}")


def _interpreters() -> Iterator[Path]:
    """Interpreters to try: one for which a fast protobuf exists, and else the one that runs this."""
    found = shutil.which(f"python{_PYTHON}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [Path(found)] if found else []
    for path in [*candidates, *sorted(pyenv.glob(f"{_PYTHON}.*/bin/python{_PYTHON}"), reverse=True)]:
        if subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0:
            yield path
    yield Path(sys.executable)


def _environment_of(python: Path) -> Path:
    """The interpreter of an environment in which ``import xenon`` is pyxenon's."""
    version = _output([str(python), "-c", "import platform; print(platform.python_version())"])
    folder = platformdirs.user_cache_path("pyxenon-benchmarks") / f"pyxenon-{VERSION}-python-{version}"
    inner = folder / "bin" / "python"
    if not (folder / _MARK).exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making an environment with pyxenon {VERSION} for Python {version} in the user's cache")
        _output([str(python), "-m", "venv", str(folder)])
        install = [str(inner), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _output([*install, *_REQUIREMENTS])
        _output([*install, "--no-deps", f"pyxenon=={VERSION}"])  # it asks for grpcio-tools, which takes another protobuf and is not used
        _output([str(inner), "-c", "import xenon; xenon.init"])
        (folder / _MARK).touch()
    return inner


def _variables(folder: Path) -> dict[str, str]:
    """pyxenon keeps its keys in the user's settings, and runs the ``java`` on the PATH."""
    return {"XDG_CONFIG_HOME": str(folder), "PATH": f"{find_java().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _output(command: list[str]) -> str:
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=_SECONDS_FOR_PIP, check=True)
    return done.stdout.strip()


def _reason(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = str(error.stderr).strip().splitlines()
        return lines[-1] if lines else f"exit code {error.returncode}"
    return type(error).__name__
