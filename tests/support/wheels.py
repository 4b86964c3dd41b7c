"""Wheels for tests of installing: ours, built from the sources, and others, written by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 300


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Run a command without the settings of this run's pytest and Python, and return its output; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build_wheels(folder: Path, *packages: Path) -> None:
    """Build the wheels of *packages* into *folder*, without a network."""
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", *options, *packages)


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a wheel with *files*, texts by their paths, as its author would have built it."""
    stem = f"{name}-{version}"
    metadata = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents = {**files, **metadata}
    contents[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{stem}.dist-info/RECORD"])
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


class Environment:
    """A fresh virtual environment that finds *sources*, and this environment's third-party packages, but not its editable ones."""

    def __init__(self, folder: Path, *sources: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", folder)
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.packages = next(folder.glob("lib/python*/site-packages"))
        # A folder that a .pth file adds has its own .pth files, those of packages to be edited, left alone.
        ours = next(path for path in map(Path, sys.path) if path.name == "site-packages")
        (self.packages / "others.pth").write_text("".join(f"{path}\n" for path in (*sources, ours)))

    def install(self, *arguments: str | Path) -> None:
        """Install without a network, and without what it depends on."""
        options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        run(sys.executable, "-m", "pip", "--python", self.python, "install", *options, *arguments)

    def uninstall(self, name: str) -> None:
        """Uninstall a distribution."""
        run(sys.executable, "-m", "pip", "--python", self.python, "uninstall", "--quiet", "--yes", name)

    def files(self) -> set[str]:
        """Return the files in it, as paths relative to its folder, with what Python has compiled."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    def execute(self, program: str) -> str:
        """Run a program, and return what it writes, warnings included."""
        return run(self.python, "-c", program, cwd=self.packages.parent)
