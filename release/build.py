"""Build all distributions from a commit: the same commit gives the same bytes, whoever builds it, where and when."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Each package needs those before it.
PACKAGES = (
    "packages/xenon-core",
    "packages/xenon-java",
    "packages/xenon-server",
    "packages/xenon-sync",
    "packages/xenon-testing",
    "tools/adaptor-docs",
    "codegen",
)


def build_all(target: Path, commit: str = "HEAD") -> list[Path]:
    """Build a source distribution and a wheel of each package of *commit* into *target*, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="xenon-release-") as folder:
        tree = _export(commit, Path(folder))
        for package in PACKAGES:
            _build(tree / package, target, _time_of(commit))
    return sorted(target.iterdir())


def uncommitted() -> bool:
    """Return True if the checkout has uncommitted changes, which are not built."""
    return bool(_git("status", "--porcelain"))


def _export(commit: str, folder: Path) -> Path:
    """Write the files of *commit* below *folder*, with each link replaced by its file, and return their directory.

    The packages share their license and build hook by links, which would be broken in a source distribution.
    """
    archive = folder / "commit.tar"
    _git("archive", "--output", str(archive), commit)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "links", filter="tar")
    shutil.copytree(folder / "links", folder / "files")
    return folder / "files"


def _build(package: Path, target: Path, time: str) -> None:
    """Build the source distribution of *package*, and the wheel from that, so that a missing file is noticed."""
    _hatchling(package, target, "sdist", time)
    with tempfile.TemporaryDirectory(prefix="xenon-sdist-") as folder, tarfile.open(_newest(target, "*.tar.gz")) as tar:
        tar.extractall(folder, filter="data")
        _hatchling(next(Path(folder).iterdir()), target, "wheel", time)


def _hatchling(package: Path, target: Path, kind: str, time: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(target.resolve())]
    subprocess.run(command, cwd=package, env={**os.environ, "SOURCE_DATE_EPOCH": time}, capture_output=True, text=True, check=True)


def _newest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def _time_of(commit: str) -> str:
    """Return the time of *commit* in seconds, which the files in the archives get."""
    return _git("log", "-1", "--format=%ct", commit).strip()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
