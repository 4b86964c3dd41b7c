"""Files, adaptor by adaptor, on the released server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import attrs
import pytest

import xenon
from xenon import CopyMode, CopyStatus, Path, PosixFilePermission
from xenon.exceptions import NoSuchPathException, PathAlreadyExistsException, XenonException

ADAPTORS = ("sftp", "ftp", "webdav", "s3")
pytestmark = [pytest.mark.xenon_docker, pytest.mark.parametrize("adaptor", ADAPTORS)]
SECONDS_TO_SETTLE = 60
LARGE = bytes(range(256)) * 12_289  # three MiB and a bit: several messages, and no multiple of a buffer


@pytest.fixture
def remote(server: Any) -> Iterator[xenon.FileSystem]:
    """A file system of the adaptor."""
    with server.filesystem() as filesystem:
        yield filesystem


@pytest.fixture
def folder(remote: xenon.FileSystem) -> Iterator[Path]:
    """A new directory on it."""
    place = remote.get_working_directory()
    path = (place if str(place).startswith("/") else Path("/")) / f"test-{uuid4().hex[:12]}"
    remote.create_directory(path)
    yield path
    remote.delete(path, recursive=True)


@pytest.fixture
def local(remote: xenon.FileSystem, server: Any) -> Iterator[xenon.FileSystem]:
    """The file system of this machine, on the same Xenon server."""
    with file_system_of(server) as filesystem:
        yield filesystem


def file_system_of(server: Any, location: str = "") -> xenon.FileSystem:
    """The file system of this machine at *location*, on the Xenon server through which *server* is reached."""
    session = server.client.session()
    return xenon.FileSystem(session, session.portal.call(session.client.filesystems.create("file", location)))


@pytest.fixture
def here(tmp_path: Any) -> Path:
    """A directory on this machine."""
    return Path(str(tmp_path))


def read(filesystem: xenon.FileSystem, path: Path) -> bytes:
    return b"".join(filesystem.read_from_file(path))


def settle(filesystem: xenon.FileSystem, path: Path, size: int) -> None:
    """Wait until a file of *size* bytes is there: over WebDAV the server says that it has written while it still sends."""
    if filesystem.get_adaptor_name() == "webdav":
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while not (filesystem.exists(path) and filesystem.get_attributes(path).size == size):
            assert time.monotonic() < deadline, f"{path} did not arrive"
            time.sleep(0.02)


def write(filesystem: xenon.FileSystem, path: Path, content: bytes) -> None:
    filesystem.write_to_file(path, content)
    settle(filesystem, path, len(content))


def copy(
    source: xenon.FileSystem, path: Path, target: xenon.FileSystem, to: Path, mode: CopyMode = CopyMode.CREATE, recursive: bool = False
) -> None:
    status = source.wait_until_done(source.copy(path, target, to, mode, recursive), timeout=60_000)
    assert status.done, status
    assert not status.error_message, status.error_message
    if not recursive:
        settle(target, to, source.get_attributes(path).size)


def test_creation(remote: xenon.FileSystem) -> None:
    """Create a file system"""
    assert remote.is_open()


def test_wrong_password(remote: xenon.FileSystem, server: Any) -> None:
    """Refuse a wrong password"""
    wrong = attrs.evolve(server, password="wrong", files=attrs.evolve(server.files, needs_key=False))
    with pytest.raises(XenonException), wrong.filesystem() as filesystem:
        filesystem.exists("/")


def test_working_directory(remote: xenon.FileSystem) -> None:
    """Tell the working directory, by its absolute path"""
    place = str(remote.get_working_directory())
    assert place.startswith("/"), f"the working directory is told as {place!r}"


def test_write_and_read(remote: xenon.FileSystem, folder: Path) -> None:
    """Write a file and read it back"""
    write(remote, folder / "file", LARGE)
    assert read(remote, folder / "file") == LARGE


def test_empty_file(remote: xenon.FileSystem, folder: Path) -> None:
    """Write and read an empty file"""
    write(remote, folder / "file", b"")
    assert read(remote, folder / "file") == b""


def test_append(remote: xenon.FileSystem, folder: Path) -> None:
    """Append to a file"""
    write(remote, folder / "file", b"one")
    remote.append_to_file(folder / "file", b" two")
    assert read(remote, folder / "file") == b"one two"


def test_overwriting(remote: xenon.FileSystem, folder: Path) -> None:
    """Refuse to write over a file that exists"""
    write(remote, folder / "file", b"first")
    with pytest.raises(PathAlreadyExistsException):
        remote.write_to_file(folder / "file", b"second")
    assert read(remote, folder / "file") == b"first"


def test_missing_file(remote: xenon.FileSystem, folder: Path) -> None:
    """Say that a file is missing"""
    assert not remote.exists(folder / "missing")
    with pytest.raises(NoSuchPathException):
        read(remote, folder / "missing")


def test_names(remote: xenon.FileSystem, folder: Path) -> None:
    """Names with spaces, quotes and signs"""
    names = ("a b", "it's", '"quoted"', "100%", "a+b#c", "$HOME")
    for name in names:
        write(remote, folder / name, name.encode())
        assert read(remote, folder / name) == name.encode()
    assert {entry.path.name for entry in remote.list(folder, recursive=False)} == set(names)


def test_letters(remote: xenon.FileSystem, folder: Path) -> None:
    """Names with letters of other languages"""
    write(remote, folder / "naïve-日本", b"content")
    names = [entry.path.name for entry in remote.list(folder, recursive=False)]
    assert names == ["naïve-日本"], f"the names are told as {names}"
    assert read(remote, folder / "naïve-日本") == b"content"


def test_attributes(remote: xenon.FileSystem, folder: Path) -> None:
    """Size and type of a file and of a directory"""
    write(remote, folder / "file", b"12345")
    found = remote.get_attributes(folder / "file")
    assert (found.size, found.is_regular, found.is_directory) == (5, True, False)
    assert remote.get_attributes(folder).is_directory


def test_times(remote: xenon.FileSystem, folder: Path) -> None:
    """The time of a file's last change, to the minute"""
    write(remote, folder / "file", b"12345")
    seconds = remote.get_attributes(folder / "file").last_modified_time / 1000
    assert abs(seconds - time.time()) < 120, "the time is wrong"


def test_listing(remote: xenon.FileSystem, folder: Path) -> None:
    """List a directory"""
    remote.create_directory(folder / "inner")
    write(remote, folder / "inner" / "deep", b"1")
    write(remote, folder / "file", b"12")
    assert {(str(entry.path), entry.is_directory) for entry in remote.list(folder, recursive=False)} == {
        (str(folder / "inner"), True),
        (str(folder / "file"), False),
    }


def test_recursive_listing(remote: xenon.FileSystem, folder: Path) -> None:
    """List a directory and all below it"""
    remote.create_directories(folder / "a" / "b")
    write(remote, folder / "a" / "b" / "file", b"1")
    assert {str(entry.path) for entry in remote.list(folder, recursive=True)} == {
        str(folder / "a"),
        str(folder / "a" / "b"),
        str(folder / "a" / "b" / "file"),
    }


def test_rename(remote: xenon.FileSystem, folder: Path) -> None:
    """Rename a file"""
    write(remote, folder / "old", b"content")
    remote.rename(folder / "old", folder / "new")
    assert not remote.exists(folder / "old")
    assert read(remote, folder / "new") == b"content"


def test_delete(remote: xenon.FileSystem, folder: Path) -> None:
    """Delete a file, and a directory with what is in it"""
    remote.create_directory(folder / "inner")
    write(remote, folder / "inner" / "file", b"1")
    remote.delete(folder / "inner" / "file", recursive=False)
    assert not remote.exists(folder / "inner" / "file")
    write(remote, folder / "inner" / "file", b"1")
    remote.delete(folder / "inner", recursive=True)
    assert not remote.exists(folder / "inner")


def test_permissions(remote: xenon.FileSystem, folder: Path) -> None:
    """Set a file's permissions and read them"""
    permissions = [PosixFilePermission.OWNER_READ, PosixFilePermission.GROUP_READ]
    write(remote, folder / "file", b"1")
    remote.set_posix_file_permissions(folder / "file", permissions)
    assert set(remote.get_attributes(folder / "file").permissions) == set(permissions)


def test_symbolic_link(remote: xenon.FileSystem, folder: Path) -> None:
    """Make a symbolic link, and read where it points"""
    write(remote, folder / "file", b"content")
    remote.create_symbolic_link(folder / "link", folder / "file")
    assert str(remote.read_symbolic_link(folder / "link")) == str(folder / "file")


def test_reading_through_a_link(remote: xenon.FileSystem, folder: Path) -> None:
    """Read a file through a symbolic link"""
    write(remote, folder / "file", b"content")
    remote.create_symbolic_link(folder / "link", folder / "file")
    assert read(remote, folder / "link") == b"content"


def test_copy_from_here(remote: xenon.FileSystem, folder: Path, local: xenon.FileSystem, here: Path) -> None:
    """Copy a file from this machine"""
    local.write_to_file(here / "file", LARGE)
    copy(local, here / "file", remote, folder / "file")
    assert read(remote, folder / "file") == LARGE


def test_copy_to_here(remote: xenon.FileSystem, folder: Path, local: xenon.FileSystem, here: Path) -> None:
    """Copy a file to this machine"""
    write(remote, folder / "file", LARGE)
    copy(remote, folder / "file", local, here / "file")
    assert read(local, here / "file") == LARGE


def test_copy_recursively(remote: xenon.FileSystem, folder: Path, local: xenon.FileSystem, here: Path) -> None:
    """Copy a directory with what is in it, there and back"""
    local.create_directories(here / "tree" / "inner")
    local.write_to_file(here / "tree/inner/file", b"deep")
    copy(local, here / "tree", remote, folder / "tree", recursive=True)
    settle(remote, folder / "tree" / "inner" / "file", len(b"deep"))
    copy(remote, folder / "tree", local, here / "back", recursive=True)
    assert read(local, here / "back/inner/file") == b"deep"


def test_copy_within(remote: xenon.FileSystem, folder: Path) -> None:
    """Copy a file within the file system"""
    write(remote, folder / "file", b"content")
    copy(remote, folder / "file", remote, folder / "copy")
    assert read(remote, folder / "copy") == b"content"


@pytest.mark.parametrize(("mode", "expected"), [(CopyMode.REPLACE, b"new"), (CopyMode.IGNORE, b"old")], ids=["replace", "ignore"])
def test_copy_over(remote: xenon.FileSystem, folder: Path, local: xenon.FileSystem, here: Path, mode: CopyMode, expected: bytes) -> None:
    """Copy over a file that exists: replace it, or leave it"""
    local.write_to_file(here / "file", b"new")
    write(remote, folder / "file", b"old")
    copy(local, here / "file", remote, folder / "file", mode)
    assert read(remote, folder / "file") == expected


def test_copy_refused(remote: xenon.FileSystem, folder: Path, local: xenon.FileSystem, here: Path) -> None:
    """Refuse to copy over a file that exists, when told to create"""
    local.write_to_file(here / "file", b"new")
    write(remote, folder / "file", b"old")
    operation = local.copy(here / "file", remote, folder / "file", CopyMode.CREATE, recursive=False)
    status = local.wait_until_done(operation, timeout=60_000)
    assert status.error_type == CopyStatus.ErrorType.ALREADY_EXISTS, f"the copy is {status.state}: {status.error_message}"
    assert read(remote, folder / "file") == b"old"


def test_relative_copy(remote: xenon.FileSystem, folder: Path, server: Any, tmp_path: Any) -> None:
    """Copy to a path relative to the working directory of the other file system"""
    write(remote, folder / "file", b"content")
    with file_system_of(server, str(tmp_path)) as filesystem:
        copy(remote, folder / "file", filesystem, Path("file"))
        assert read(filesystem, Path("file")) == b"content"
