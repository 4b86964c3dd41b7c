"""Disks that are full and rights that are missing."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: PTH208
from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from embedded import ended, files
from pyxenon_core.errors import NoSpaceException, PermissionDeniedException, XenonError
from pyxenon_core.messages import CopyRequestCopyMode as CopyMode
from pyxenon_core.messages import CopyStatusErrorType
from pyxenon_server.embedded import open_target
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem

# Imported now: another account may be kept from where Python is.
assert LocalFileSystem.name == "file" and open_target and ctypes

MIB = 1 << 20
NOBODY = 65534


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 4 MiB at *folder*."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "xenon-test", str(folder)], check=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=60)


@contextlib.contextmanager
def small_files(folder: Path) -> Iterator[None]:
    """No file may be larger than 3 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MIB, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def failing_calls(folder: Path) -> Iterator[None]:
    """The system says after 3 MiB that the disk is full, to whoever writes in whichever way."""
    left = 3 * MIB

    def write(number: int, data: bytes) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(number, bytes(data[:left]))
        left -= written
        return written

    real = os.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        patch.setattr("pyxenon_server.filesystems.local.copying._copy_file_range", None)
        yield


def can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (OSError, subprocess.SubprocessError):
            return False


LIMITS = [small_files, failing_calls, *([small_disk] if os.geteuid() == 0 and can_mount() else [])]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)
@pytest.mark.parametrize("way", ["write", "copy", "replace"])
async def test_a_full_disk_leaves_no_half_file(tmp_path: Path, limit: object, way: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "large").write_bytes(bytes(8 * MIB))
    async with files(tmp_path) as here:
        with limit(disk):  # type: ignore[operator]  # one of the context managers above
            if way == "write":
                with pytest.raises(NoSpaceException, match=r"No space left|File too large"):
                    await here.write_to_file("disk/file", (bytes(MIB) for _ in range(8)))
                assert os.listdir(disk) == []
                return
            if way == "replace":
                (disk / "file").write_bytes(b"old")
            status = await ended(here, await here.copy("large", here, "disk/file", CopyMode.REPLACE))
            assert status.error_type == CopyStatusErrorType.XENON
            assert str(disk / "file") in status.error_message
            assert os.listdir(disk) == (["file"] if way == "replace" else [])
            assert way == "copy" or (disk / "file").read_bytes() == b"old"


async def test_appending_to_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"begun")
    async with files(tmp_path) as here:
        with small_files(tmp_path), pytest.raises(NoSpaceException):
            await here.append_to_file("file", (bytes(MIB) for _ in range(8)))
        assert (tmp_path / "file").stat().st_size == 3 * MIB
        await here.append_to_file("file", b"!")


# --- rights ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that its owner, who is not the one who runs the test, lets nobody look into."""
    folder = Path(tempfile.mkdtemp(prefix="xenon-test-"))
    folder.chmod(0o755)
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("secret")
    (folder / "file").write_text("secret")
    (folder / "file").chmod(0o000)
    (folder / "closed").chmod(0o000)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    (folder / "closed").chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def _poor(theirs: Path) -> Iterator[None]:
    """Not the superuser, whom nothing is refused."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def everything(listing: AsyncIterator[object]) -> list[object]:
    return [entry async for entry in listing]


@pytest.mark.usefixtures("_poor")
async def test_what_is_not_allowed_is_told(theirs: Path) -> None:
    async with files(theirs) as here:
        refused = {
            "read": anext(here.read_from_file("file")),
            "write": here.write_to_file("new", b"x"),
            "append": here.append_to_file("file", b"x"),
            "create": here.create_file("new"),
            "mkdir": here.create_directory("new"),
            "mkdirs": here.create_directories("new/below"),
            "link": here.create_symbolic_link("new", "file"),
            "list": anext(here.list("closed")),
            "list all": everything(here.list(".", recursive=True)),
            "look": here.get_attributes("closed/file"),
            "exists": here.exists("closed/file"),
            "rename": here.rename("file", "other"),
            "delete": here.delete("file"),
            "delete all": here.delete("closed", recursive=True),
        }
        for what, call in refused.items():
            with pytest.raises(PermissionDeniedException, match="ermi") as caught:
                await call
            assert caught.value.adaptor == "file" and "ermi" in str(caught.value), what
        assert not (await here.get_attributes("file")).permissions
        for source, target in (("file", "/tmp/xenon-never"), ("closed/file", "/tmp/xenon-never"), ("/etc/hostname", "new")):
            status = await ended(here, await here.copy(source, here, target))
            assert status.error_type == CopyStatusErrorType.XENON and "ermission" in status.error_message
            assert (source if source != "/etc/hostname" else str(theirs / "new")) in status.error_message
    assert sorted(os.listdir(theirs)) == ["closed", "file"]


@pytest.mark.usefixtures("_poor")
async def test_a_tree_with_a_closed_part_is_not_copied_in_silence(theirs: Path) -> None:
    async with files(theirs) as here:
        target = tempfile.mkdtemp()
        try:
            status = await ended(here, await here.copy(".", here, f"{target}/copy", CopyMode.CREATE, True))
        finally:
            shutil.rmtree(target)
        assert status.error_type == CopyStatusErrorType.XENON and "ermission" in status.error_message


async def test_a_read_only_system_is_no_accident(tmp_path: Path) -> None:
    async with files(tmp_path) as here:
        for call in (here.write_to_file("/proc/version", b"x"), here.create_file("/proc/new"), here.create_directory("/proc/new")):
            with pytest.raises(XenonError):
                await call
