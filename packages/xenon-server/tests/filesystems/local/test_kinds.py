"""Links, pipes, sockets and devices; renaming and deleting what they are."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240, PTH102, PTH115, PTH116, PTH208
from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from embedded import ended, files
from pyxenon_core.errors import (
    DirectoryNotEmptyException,
    IllegalArgumentException,
    InvalidPathException,
    NoSuchPathException,
    PathAlreadyExistsException,
    XenonError,
)
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.messages import CopyRequestCopyMode as CopyMode
from pyxenon_core.messages import CopyStatusErrorType, DefaultCredential, PosixFilePermission
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.local import names as local_names
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem

KINDS = ["pipe", "socket", "device"]


def lay(folder: Path, kind: str) -> str:
    """Something that is neither a file, nor a directory, nor a link; its path."""
    path = str(folder / kind)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    else:
        path = "/dev/null"
    return path


async def read(source: FileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in source.read_from_file(path)])


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_file_keeps_no_thread_waiting(tmp_path: Path, kind: str) -> None:
    path = lay(tmp_path, kind)
    async with files(tmp_path) as here:
        attributes = await here.get_attributes(path)
        assert attributes.is_other and not attributes.is_regular and attributes.size == 0
        for _ in range(10):  # more often than there are threads
            with pytest.raises(InvalidPathException, match="pipe, a socket or a device"):
                await asyncio.wait_for(read(here, path), 60)
            with pytest.raises(InvalidPathException, match="pipe, a socket or a device"):
                await asyncio.wait_for(here.append_to_file(path, b"x"), 60)
        for mode in CopyMode:
            status = await ended(here, await here.copy(path, here, "copy", mode))
            assert status.error_type == CopyStatusErrorType.XENON
            assert "is not a file, a directory or a symbolic link" in status.error_message
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file(path, b"x")
        (tmp_path / "file").write_bytes(b"x")
        assert await read(here, "file") == b"x"


@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_no_file_replaces_a_pipe_or_a_device(tmp_path: Path, kind: str) -> None:
    path = lay(tmp_path, kind)
    (tmp_path / "file").write_bytes(b"x")
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy("file", here, path, CopyMode.REPLACE))
        assert status.error_type == CopyStatusErrorType.XENON and path in status.error_message
        assert (await here.get_attributes(path)).is_other
        await here.rename(path, f"{path} renamed")
        await here.delete(f"{path} renamed")


# --- links -----------------------------------------------------------------------------------------------------------------------------


async def test_links_are_told_of_themselves_and_followed_otherwise(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "directory").mkdir()
    async with files(tmp_path) as here:
        await here.create_symbolic_link("to_file", "file")
        await here.create_symbolic_link("to_directory", "directory")
        await here.create_symbolic_link("dangling", "/nowhere/at/all")
        for name, target in (
            ("to_file", tmp_path / "file"),
            ("to_directory", tmp_path / "directory"),
            ("dangling", Path("/nowhere/at/all")),
        ):
            attributes = await here.get_attributes(name)
            assert attributes.is_symbolic_link and not attributes.is_regular and not attributes.is_directory
            assert await here.exists(name)
            assert os.readlink(tmp_path / name) == str(target) == str(await here.read_symbolic_link(name))
        assert await read(here, "to_file") == b"content"
        with pytest.raises(NoSuchPathException):
            await read(here, "dangling")
        await here.write_to_file("to_directory/inner", b"x")
        assert (tmp_path / "directory" / "inner").exists()
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file("dangling", b"x")
        with pytest.raises(PathAlreadyExistsException):
            await here.create_file("dangling")
        with pytest.raises(InvalidPathException, match="is not a symbolic link"):
            await here.read_symbolic_link("file")
        with pytest.raises(IllegalArgumentException):
            await here.create_symbolic_link("empty", "")
        for name in ("to_file", "to_directory", "dangling"):
            await here.delete(name, recursive=True)
    assert sorted(os.listdir(tmp_path)) == ["directory", "file"]
    assert (tmp_path / "directory" / "inner").exists()


async def test_a_relative_link_is_seen_from_its_own_directory(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "link").symlink_to("../file")
    async with files(tmp_path) as here:
        assert str(await here.read_symbolic_link("a/b/link")) == f"{tmp_path}/a/b/../file"


async def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "up").symlink_to(".")
    async with files(tmp_path) as here:
        assert await here.exists("one")
        with pytest.raises(InvalidPathException):
            await read(here, "one")
        with pytest.raises(InvalidPathException):
            await here.exists("one/below")
        assert sorted([entry.path.name async for entry in here.list(".", recursive=True)]) == ["one", "two", "up"]


# --- renaming --------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["in one step", "by a second name"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "in one step":
        monkeypatch.setattr(local_names, "_exclusive_rename", lambda: None)


def make(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text(f"the {path.name}")
    elif kind == "directory":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("/nowhere")
    else:
        path.mkdir()
        (path / "inner").write_text(f"in the {path.name}")


def look(path: Path) -> tuple[int, int, str]:
    status = path.lstat()
    return status.st_ino, status.st_mode, os.readlink(path) if path.is_symlink() else ""


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("source", ["file", "directory", "full", "dangling"])
@pytest.mark.parametrize("target", ["file", "directory", "full", "dangling"])
async def test_renaming_never_replaces(tmp_path: Path, source: str, target: str) -> None:
    make(tmp_path / "source", source)
    make(tmp_path / "target", target)
    before = look(tmp_path / "source"), look(tmp_path / "target")
    async with files(tmp_path) as here:
        with pytest.raises(PathAlreadyExistsException, match=f"{tmp_path}/target"):
            await here.rename("source", "target")
        assert (look(tmp_path / "source"), look(tmp_path / "target")) == before
        await here.rename("source", "free")
        assert look(tmp_path / "free") == before[0] and not os.path.lexists(tmp_path / "source")
        await here.rename("free", "free")
        with pytest.raises(NoSuchPathException, match="source"):
            await here.rename("source", "source")
        with pytest.raises(NoSuchPathException, match=f"{tmp_path}/source"):
            await here.rename("source", "other")
        with pytest.raises(NoSuchPathException, match=f"directory of {tmp_path}/missing/x"):
            await here.rename("free", "missing/x")


@pytest.mark.usefixtures("_way")
async def test_a_directory_does_not_move_into_itself(tmp_path: Path) -> None:
    make(tmp_path / "full", "full")
    async with files(tmp_path) as here:
        with pytest.raises(InvalidPathException):
            await here.rename("full", "full/below")
    assert (tmp_path / "full" / "inner").exists()


@pytest.mark.parametrize("kind", ["file", "directory"])
async def test_renaming_does_not_replace_what_comes_at_the_same_time(tmp_path: Path, kind: str) -> None:
    """Somebody else makes the target at any moment: either of the two fails, and nothing is lost."""

    def other(number: int) -> None:
        try:
            if kind == "file":
                os.close(os.open(tmp_path / f"target{number}", os.O_CREAT | os.O_EXCL))
            else:
                os.mkdir(tmp_path / f"target{number}")
            theirs.add(number)
        except FileExistsError:
            pass

    theirs: set[int] = set()
    ours: set[int] = set()
    inodes = {}
    for number in range(300):
        make(tmp_path / f"source{number}", kind)
        inodes[number] = (tmp_path / f"source{number}").stat().st_ino
    thread = threading.Thread(target=lambda: [other(number) for number in range(300)])
    async with files(tmp_path) as here:
        thread.start()
        for number in range(300):
            try:
                await here.rename(f"source{number}", f"target{number}")
                ours.add(number)
            except PathAlreadyExistsException:
                continue
    thread.join()
    assert ours | theirs == set(range(300)) and not ours & theirs
    for number in range(300):
        assert ((tmp_path / f"target{number}").stat().st_ino == inodes[number]) == (number in ours)
        assert (tmp_path / f"source{number}").exists() == (number in theirs)


async def test_renaming_to_another_disk_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.fail("this test needs two disks, such as /tmp and /dev/shm")
    async with files(tmp_path) as here:
        with pytest.raises(XenonError, match="copy the file, then delete the source"):
            await here.rename("file", f"/dev/shm/{os.getpid()}-xenon-test")
    assert (tmp_path / "file").exists()


# --- deleting and making ---------------------------------------------------------------------------------------------------------------


async def test_deleting_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "deep").mkdir(parents=True)
    (kept / "file").write_text("kept")
    tree = tmp_path / "tree"
    inner = tree
    for number in range(30):
        inner = inner / str(number)
        inner.mkdir(parents=True)
        (inner / "link").symlink_to(kept)
        (inner / "file").touch()
    os.mkfifo(inner / "pipe")
    async with files(tmp_path) as here:
        with pytest.raises(DirectoryNotEmptyException):
            await here.delete("tree")
        await here.delete("tree", recursive=True)
        for recursive in (False, True):
            with pytest.raises(NoSuchPathException):
                await here.delete("tree", recursive)
    assert (kept / "file").read_text() == "kept" and (kept / "deep").is_dir()
    assert os.listdir(tmp_path) == ["kept"]


async def test_what_others_delete_meanwhile_is_no_error(tmp_path: Path) -> None:
    for number in range(40):
        for below in range(10):
            (tmp_path / "tree" / str(number) / str(below)).mkdir(parents=True)
    thread = threading.Thread(target=lambda: shutil.rmtree(tmp_path / "tree", ignore_errors=True))
    async with files(tmp_path) as here:
        thread.start()
        await here.delete("tree", recursive=True)
        thread.join()
    assert not (tmp_path / "tree").exists()


async def test_making_directories(tmp_path: Path) -> None:
    async with files(tmp_path) as here:
        await here.create_directories("a/b/c")
        await asyncio.gather(*(here.create_directories(f"same/way/to/{number}") for number in range(20)))
        assert len(os.listdir(tmp_path / "same/way/to")) == 20
        for path in ("a/b/c", "a", "."):
            with pytest.raises(PathAlreadyExistsException):
                await here.create_directories(path)
        with pytest.raises(NoSuchPathException):
            await here.create_directory("x/y")
        (tmp_path / "file").touch()
        with pytest.raises((NoSuchPathException, InvalidPathException)):
            await here.create_directories("file/below/it")


async def test_permissions_are_exactly_those_given(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o777)
    (tmp_path / "link").symlink_to("file")
    every = [permission for permission in PosixFilePermission if permission != PosixFilePermission.NONE]
    assert len(every) == 9
    async with files(tmp_path) as here:
        for mode in (0, 0o777, 0o640, 0o111):
            chosen = {permission for permission, bit in zip(sorted(every), bits(sorted(every)), strict=True) if mode & bit}
            await here.set_posix_file_permissions("link", chosen)
            assert (tmp_path / "file").stat().st_mode & 0o7777 == mode
            assert set((await here.get_attributes("file")).permissions) == chosen
        with pytest.raises(NoSuchPathException):
            await here.set_posix_file_permissions("missing", [])


def bits(permissions: list[PosixFilePermission]) -> list[int]:
    who = {"OWNER": 6, "GROUP": 3, "OTHERS": 0}
    what = {"READ": 4, "WRITE": 2, "EXECUTE": 1}
    return [what[item.name.partition("_")[2]] << who[item.name.partition("_")[0]] for item in permissions]


# --- errors ----------------------------------------------------------------------------------------------------------------------------


async def test_every_error_names_its_path(tmp_path: Path) -> None:
    """In the server's own words, since other clients have no others."""
    missing, local = f"{tmp_path}/missing", LocalFileSystem(open_request(tmp_path), "/")
    (tmp_path / "file").touch()

    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    for attempt in (
        local.attributes(missing),
        anext(aiter(local.list(missing))),
        anext(aiter(local.read(missing))),
        local.append(missing, nothing()),
        local.write(f"{missing}/file", nothing()),
        local.create_file(f"{missing}/file"),
        local.create_directory(f"{missing}/directory"),
        local.create_symbolic_link(f"{missing}/link", "target"),
        local.read_symbolic_link(missing),
        local.read_symbolic_link(f"{tmp_path}/file"),
        local.delete(missing),
        local.rename(missing, f"{tmp_path}/other"),
        local.set_permissions(missing, []),
    ):
        with pytest.raises(XenonError) as raised:
            await attempt
        assert missing in raised.value.reason or f"{tmp_path}/file" in raised.value.reason, raised.value.reason


def open_request(home: Path) -> OpenRequest:
    return OpenRequest("", DefaultCredential(), Properties.check("file", LocalFileSystem.properties, {}), Resources(home))
