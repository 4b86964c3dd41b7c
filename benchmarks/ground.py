"""What all contenders share: one server, one folder, the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scale import MIB, Scale
from pyxenon_java import process

__all__ = ["Ground", "GroundError", "prepare"]

_PROTO = Path(__file__).resolve().parent.parent / "protos" / "xenon.proto"


class GroundError(Exception):
    """The measurement cannot be prepared; the text says why."""


@dataclass(frozen=True)
class Ground:
    """A server that runs, and the files it serves. ``keys`` and ``stubs`` are as in :class:`benchmarks.workers.client.Server`."""

    folder: Path
    address: str
    keys: Path
    stubs: Path
    file: Path
    file_crc: int
    directory: Path

    def new_file(self) -> Path:
        """Where a contender may write: nothing is there."""
        path = self.folder / "written"
        path.unlink(missing_ok=True)
        return path


@contextmanager
def prepare(scale: Scale) -> Iterator[Ground]:
    """Make the files and start the server; at the end of the ``with``, however it is reached, nothing of both is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xenon-benchmarks-")))
        _check_room(folder, scale.bytes_on_disk)
        stubs = _make_stubs(folder / "stubs")
        crc = _make_file(folder / "file", scale.file_mib)
        directory = _make_directory(folder / "directory", scale.entries)
        server = process.start_server()
        stack.callback(server.stop)
        yield Ground(folder, server.address, server.folder, stubs, folder / "file", crc, directory)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise GroundError(
            f"cannot make the files to measure with in {tempfile.gettempdir()}: {needed // MIB} MiB are needed and {free // MIB} MiB are "
            "free. Set TMPDIR to a folder on a larger disk."
        )


def _make_stubs(folder: Path) -> Path:
    """What protoc makes of the interface, for the floor."""
    folder.mkdir()
    output = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={_PROTO.parent}", *output, _PROTO.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GroundError(f"cannot make the floor's stubs from {_PROTO.name}: {done.stderr.strip()}")
    return folder


def _make_file(path: Path, mib: int) -> int:
    """A file of random bytes, which nothing on the way can compress; returns its checksum."""
    block = os.urandom(MIB)
    crc = 0
    with path.open("wb") as stream:
        for _ in range(mib):
            stream.write(block)
            crc = zlib.crc32(block, crc)
    return crc


def _make_directory(path: Path, entries: int) -> Path:
    path.mkdir()
    for number in range(entries):
        (path / f"result-{number:05}.dat").write_bytes(b"x")
    return path
