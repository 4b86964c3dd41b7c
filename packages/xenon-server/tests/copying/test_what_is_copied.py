"""Every mode, onto everything, from everything; trees; and what is kept."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240, PTH115
from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import pyxenon_core
from embedded import ended, files
from pyxenon_core import messages
from pyxenon_core.errors import (
    IllegalArgumentException,
    IOException,
    NoSuchCopyException,
    PathAlreadyExistsException,
    UnsupportedOperationException,
)
from pyxenon_core.messages import CopyOperation, CopyRequestCopyMode, CopyStatus, CopyStatusErrorType
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem

CREATE, REPLACE, IGNORE = CopyRequestCopyMode.CREATE, CopyRequestCopyMode.REPLACE, CopyRequestCopyMode.IGNORE
NONE, EXISTS, WRONG = CopyStatusErrorType.NONE, CopyStatusErrorType.ALREADY_EXISTS, CopyStatusErrorType.XENON
MIB = 1 << 20
BY_MODE = {CREATE: EXISTS, REPLACE: NONE, IGNORE: NONE}


@pytest.fixture(params=["within the kernel", "as a stream"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy within this machine need not pass through the server; one between two kinds of file systems must."""

    async def cannot(*_arguments: object) -> bool:
        return False

    if request.param == "as a stream":
        monkeypatch.setattr(LocalFileSystem, "copy_here", cannot)


def make(path: Path, kind: str) -> None:
    """Something at *path* whose content tells where it was made."""
    if kind == "file":
        path.write_text(f"the {path.name}")
    elif kind in ("directory", "full"):
        path.mkdir()
        if kind == "full":
            (path / "same").write_text(f"in the {path.name}")
            (path / f"only in {path.name}").write_text("x")
    elif kind == "link to file":
        (path.parent / f"pointed at by {path.name}").write_text("x")
        path.symlink_to(path.parent / f"pointed at by {path.name}")
    elif kind == "link to directory":
        (path.parent / f"pointed at by {path.name}").mkdir()
        path.symlink_to(path.parent / f"pointed at by {path.name}")
    elif kind == "dangling":
        path.symlink_to(f"/nowhere/{path.name}")


def seen(path: Path) -> object:
    """What is at *path*, all the way down."""
    if path.is_symlink():
        return f"-> {os.readlink(path)}"
    if path.is_dir():
        return {below.name: seen(below) for below in path.iterdir()}
    return path.read_bytes() if path.exists() else None


async def copied(folder: Path, mode: CopyRequestCopyMode, recursive: bool = True) -> CopyStatus:
    async with files(folder) as source, files(folder) as _, await pyxenon_core.connect("embedded:") as client:
        one = await client.filesystems.create("file", str(folder))
        other = await client.filesystems.create("file", str(folder / "there"))
        assert source is not one
        return await ended(one, await one.copy("here/source", other, "target", mode, recursive))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    return tmp_path


SOURCES = ["file", "full", "link to file", "link to directory", "dangling"]
TARGETS = ["nothing", "file", "directory", "full", "link to file", "link to directory", "dangling"]


@pytest.mark.parametrize("mode", list(CopyRequestCopyMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
async def test_everything_onto_everything(folder: Path, source: str, target: str, mode: CopyRequestCopyMode) -> None:
    make(folder / "here" / "source", source)
    make(folder / "there" / "target", target)
    before = seen(folder / "here"), seen(folder / "there")
    content, was = seen(folder / "here" / "source"), seen(folder / "there" / "target")
    status = await copied(folder, mode)
    now = seen(folder / "there" / "target")
    assert seen(folder / "here") == before[0]
    is_joined = target in ("directory", "full", "link to directory")
    if target == "nothing":
        wanted, result = NONE, content
    elif mode == CREATE:
        wanted, result = EXISTS, was
    elif source == "full":
        if is_joined:
            place = folder / "there" / ("pointed at by target" if target == "link to directory" else "target")
            assert isinstance(content, dict)
            merged = {**content, **({"only in target": b"x", "same": b"in the target"} if target == "full" else {})}
            merged["same"] = b"in the target" if target == "full" and mode == IGNORE else b"in the source"
            assert (status.error_type, seen(place)) == (NONE, merged)
            return
        wanted, result = WRONG, was
    elif mode == IGNORE:
        wanted, result = NONE, was
    elif target in ("directory", "full"):
        wanted, result = WRONG, was
    else:
        wanted, result = NONE, content
    assert (status.error_type, now) == (wanted, result), status.error_message
    assert status.state == ("DONE" if wanted == NONE else "FAILED") and status.done and not status.running
    assert bool(status.error_message) == (wanted != NONE)
    if wanted != NONE:
        assert str(folder / "there" / "target") in status.error_message
        assert seen(folder / "there") == before[1]


@pytest.mark.parametrize("mode", list(CopyRequestCopyMode), ids=lambda mode: mode.name.lower())
async def test_a_directory_is_not_copied_unless_all_of_it(folder: Path, mode: CopyRequestCopyMode) -> None:
    make(folder / "here" / "source", "full")
    status = await copied(folder, mode, recursive=False)
    assert status.error_type == WRONG and "recursive" in status.error_message
    assert not (folder / "there" / "target").exists()


@pytest.mark.parametrize("target", ["source", "source/below", "source/below/deeper", "link/below", "source/../source/below"])
@pytest.mark.parametrize("mode", list(CopyRequestCopyMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("handles", [1, 2])
async def test_a_copy_into_itself_has_an_end(tmp_path: Path, target: str, mode: CopyRequestCopyMode, handles: int) -> None:
    """However the target is written, and through whichever handle: refused where it is plain, else a copy of what there was."""
    source = tmp_path / "source"
    make(source, "full")
    (source / "below").mkdir()
    (source / "below" / "file").write_text("x")
    (tmp_path / "link").symlink_to(source)
    before = seen(source)
    async with await pyxenon_core.connect("embedded:") as client:
        one = await client.filesystems.create("file", str(tmp_path))
        other = one if handles == 1 else await client.filesystems.create("file", str(tmp_path))
        status = await ended(one, await one.copy("source", other, target, mode, True))
    found = seen(source)
    assert isinstance(before, dict) and isinstance(found, dict)
    assert {name: value for name, value in found.items() if name != "below"} == {
        name: value for name, value in before.items() if name != "below"
    }
    if handles == 1 and target.startswith("source/below"):
        assert status.error_type == WRONG and found == before and "itself" in status.error_message
    assert sum(len(names) + len(below) for _, below, names in os.walk(source)) < 20


@pytest.mark.parametrize("handles", [1, 2])
@pytest.mark.parametrize("mode", list(CopyRequestCopyMode), ids=lambda mode: mode.name.lower())
async def test_a_file_onto_itself_stays(tmp_path: Path, mode: CopyRequestCopyMode, handles: int) -> None:
    (tmp_path / "file").write_text("content")
    async with await pyxenon_core.connect("embedded:") as client:
        one = await client.filesystems.create("file", str(tmp_path))
        other = one if handles == 1 else await client.filesystems.create("file", str(tmp_path))
        await ended(one, await one.copy("file", other, "./file", mode))
    assert seen(tmp_path) == {"file": b"content"}


async def test_what_fails_leaves_no_directory_in_the_way_of_the_next(tmp_path: Path) -> None:
    """What was copied whole stays, as with ``cp``; a directory without anything does not."""
    (tmp_path / "source/deep/deeper").mkdir(parents=True)
    (tmp_path / "source/good").mkdir()
    (tmp_path / "source/good/file").write_bytes(b"1")
    os.mkfifo(tmp_path / "source/deep/deeper/fifo")
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy("source", here, "target", CREATE, True))
        assert status.error_type == CopyStatusErrorType.XENON
        assert not (tmp_path / "target/deep").exists()
        (tmp_path / "source/good/file").unlink()
        (tmp_path / "source/good").rmdir()
        status = await ended(here, await here.copy("source", here, "again", CREATE, True))
        assert status.error_type == CopyStatusErrorType.XENON and not (tmp_path / "again").exists()
        (tmp_path / "source/deep/deeper/fifo").unlink()
        await ended(here, await here.copy("source", here, "again", CREATE, True))
    assert (tmp_path / "again/deep/deeper").is_dir()


async def test_a_tree_of_two_thousand_files(folder: Path) -> None:
    source = folder / "here" / "source"
    for number in range(40):
        (source / str(number) / "inner").mkdir(parents=True)
        for below in range(50):
            (source / str(number) / "inner" / str(below)).write_bytes(bytes([below]) * (below + number))
    (source / "link").symlink_to("0/inner/7")
    (source / "empty").mkdir()
    status = await copied(folder, CREATE)
    assert status.error_type == NONE
    assert seen(folder / "there" / "target") == seen(source)
    total = sum(below + number for number in range(40) for below in range(50))
    assert (status.bytes_copied, status.bytes_to_copy) == (total, total)


@pytest.mark.parametrize("size", [0, 1, 4 * MIB, 9 * MIB + 3])
async def test_every_size(folder: Path, size: int) -> None:
    content = os.urandom(size)
    (folder / "here" / "source").write_bytes(content)
    status = await copied(folder, CREATE)
    assert (folder / "there" / "target").read_bytes() == content
    assert (status.bytes_copied, status.bytes_to_copy) == (size, size)


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/cpuinfo"])
async def test_a_file_without_a_size(tmp_path: Path, path: str) -> None:
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy(path, here, "copy"))
    found = (tmp_path / "copy").read_bytes()
    assert found.splitlines()[0] == Path(path).read_bytes().splitlines()[0]
    assert status.error_type == NONE and status.bytes_copied == status.bytes_to_copy == len(found) > 100


async def test_links_keep_their_words(folder: Path) -> None:
    source = folder / "here" / "source"
    (source / "inner").mkdir(parents=True)
    for name, target in (("up", "../file"), ("away", "/etc/hostname"), ("lost", "no/where")):
        (source / "inner" / name).symlink_to(target)
    assert (await copied(folder, CREATE)).error_type == NONE
    assert seen(folder / "there" / "target") == {"inner": {"up": "-> ../file", "away": "-> /etc/hostname", "lost": "-> no/where"}}


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o600, 0o640, 0o500, 0o555])
async def test_who_may_run_and_who_may_not_read_is_kept(folder: Path, mode: int) -> None:
    make(folder / "here" / "source", "file")
    (folder / "here" / "source").chmod(mode)
    assert (await copied(folder, CREATE)).error_type == NONE
    assert (folder / "there" / "target").stat().st_mode & 0o777 == mode


async def test_a_private_directory_stays_private(folder: Path) -> None:
    source = folder / "here" / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file").write_text("x")
    (source / "inner").chmod(0o500)
    source.chmod(0o700)
    assert (await copied(folder, CREATE)).error_type == NONE
    target = folder / "there" / "target"
    assert target.stat().st_mode & 0o777 == 0o700
    assert (target / "inner").stat().st_mode & 0o077 == 0
    (source / "inner").chmod(0o700)


async def test_a_private_file_that_is_replaced_stays_private(folder: Path) -> None:
    make(folder / "here" / "source", "file")
    make(folder / "there" / "target", "file")
    (folder / "there" / "target").chmod(0o600)
    assert (await copied(folder, REPLACE)).error_type == NONE
    assert (folder / "there" / "target").read_text() == "the source"
    assert (folder / "there" / "target").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("layout", ["hole at the end", "hole at the start", "holes between", "nothing but a hole"])
async def test_holes(folder: Path, layout: str, request: pytest.FixtureRequest) -> None:
    source, target = folder / "here" / "source", folder / "there" / "target"
    with source.open("wb") as file:
        if layout in ("hole at the end", "holes between"):
            file.write(b"begin" * 1000)
        if layout in ("hole at the start", "holes between"):
            for number in (3, 9, 10):
                file.seek(number * 10 * MIB)
                file.write(b"middle" * 1000)
        file.truncate(120 * MIB)
    status = await copied(folder, CREATE)
    assert (status.error_type, status.bytes_copied, status.bytes_to_copy) == (NONE, 120 * MIB, 120 * MIB)
    assert target.stat().st_size == 120 * MIB
    with source.open("rb") as one, target.open("rb") as other:
        while piece := one.read(MIB):
            assert other.read(MIB) == piece
    if "kernel" in request.node.name:
        assert target.stat().st_blocks <= source.stat().st_blocks + 64


# --- what is refused at once -----------------------------------------------------------------------------------------------------------


async def test_what_is_no_copy(tmp_path: Path) -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        here = await client.filesystems.create("file", str(tmp_path))
        other = await client.filesystems.create("file", str(tmp_path))
        (tmp_path / "file").touch()
        with pytest.raises(IllegalArgumentException, match="copy mode 7"):
            await here.copy("file", here, "copy", 7)  # type: ignore[arg-type]
        operation = await here.copy("file", here, "copy")
        assert (await ended(here, operation)).error_type == NONE
        for files_of, wrong in ((other, operation), (here, CopyOperation("copy:nonsense")), (here, CopyOperation(""))):
            for ask in (files_of.get_status, files_of.cancel, files_of.wait_until_done):
                with pytest.raises(NoSuchCopyException, match="no copy"):
                    await ask(wrong)


@pytest.mark.parametrize("shown", ["source/../outside", "outside", "source", "source/deep/file", "source/.."])
async def test_what_an_adaptor_lists_stays_inside(folder: Path, monkeypatch: pytest.MonkeyPatch, shown: str) -> None:
    """Whichever adaptor answers a listing, and whoever stands behind it: neither a copy nor a deletion leaves the directory."""
    honest = LocalFileSystem.list

    async def lying(self: LocalFileSystem, path: str) -> AsyncIterator[Sequence[messages.PathAttributes]]:
        async for batch in honest(self, path):
            yield [replace(entry, path=messages.Path(path=f"{folder}/here/{shown}", separator="/")) for entry in batch]

    make(folder / "here" / "source", "full")
    (folder / "here" / "outside").write_text("x")
    before = seen(folder)
    monkeypatch.setattr(LocalFileSystem, "list", lying)
    status = await copied(folder, REPLACE)
    assert status.error_type == WRONG and "contains a path outside it" in status.error_message
    async with files(folder) as here:
        with pytest.raises(IOException, match="contains a path outside it"):
            await here.delete("here/source", recursive=True)
    assert seen(folder) == before


@pytest.mark.parametrize("renames", [True, False])
@pytest.mark.parametrize("refuses", [True, False])
async def test_a_file_stays_until_the_link_that_replaces_it_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refuses: bool, renames: bool
) -> None:
    """On a target that makes no links the file is still there; on one that does nothing but the link is left."""

    async def cannot(_self: LocalFileSystem, link: str, _target: str) -> None:
        if (folder / "there" / "target").exists() and link.endswith("/target"):
            raise PathAlreadyExistsException("it already exists")
        raise UnsupportedOperationException("no links here")

    make(folder / "here" / "source", "dangling")
    make(folder / "there" / "target", "file")
    monkeypatch.setattr(LocalFileSystem, "supports_rename", renames)
    if refuses:
        monkeypatch.setattr(LocalFileSystem, "create_symbolic_link", cannot)
    status = await copied(folder, REPLACE)
    assert status.error_type == (WRONG if refuses else NONE), status.error_message
    assert seen(folder / "there") == {"target": b"the target" if refuses else "-> /nowhere/source"}
