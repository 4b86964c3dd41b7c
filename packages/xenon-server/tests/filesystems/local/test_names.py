"""Names of every kind, byte for byte, and listings that leave nothing out."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240, PTH102, PTH108, PTH115, PTH118, PTH208, PTH211
from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xenon_core
from embedded import ended, files
from xenon_core.errors import InvalidPathException, NoSuchPathException
from xenon_core.messages import CopyRequestCopyMode as CopyMode
from xenon_core.messages import CopyStatusErrorType

ODD = [
    "-rf",
    " ",
    "a\nb",
    "\\",
    "'\"",
    "*",
    "~",
    "é",
    "e\u0301",
    "🦀",
    "\x7f",
    "\x01",
    ".hidden",
    "...",
    "a" * 255,
    "con:",
    "\u202e",
    "%41",
]
posix_names = (
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1)
    .filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255 and "\ufffd" not in name)
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(posix_names, min_size=1, max_size=4, unique=True))
def test_any_name_arrives_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, chosen: list[str]) -> None:
    asyncio.run(make_and_look(tmp_path_factory.mktemp("names"), chosen))


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_name_arrives_byte_for_byte(tmp_path: Path, name: str) -> None:
    await make_and_look(tmp_path, [name])


async def make_and_look(folder: Path, chosen: list[str]) -> None:
    raw = os.fsencode(folder)
    async with files(folder) as here:
        for name in chosen:
            await here.write_to_file(f"{folder}/{name}", name.encode())
        assert sorted(os.listdir(raw)) == sorted(name.encode() for name in chosen)
        assert sorted([str(entry.path) async for entry in here.list(".")]) == sorted(f"{folder}/{name}" for name in chosen)
        for name in chosen:
            assert (await here.get_attributes(f"{folder}/{name}")).size == len(name.encode())
            assert b"".join([piece async for piece in here.read_from_file(f"{folder}/{name}")]) == name.encode()
            await here.create_symbolic_link(f"{folder}/the link", f"{folder}/{name}")
            assert os.readlink(b"%s/the link" % raw) == os.path.join(raw, name.encode())
            await here.delete(f"{folder}/the link")
            await here.rename(f"{folder}/{name}", f"{folder}/the file")
            await here.delete(f"{folder}/the file")
        assert os.listdir(raw) == []


async def test_a_name_that_is_no_text_is_listed(tmp_path: Path, folder: bytes) -> None:
    for name in (b"good", b"bad\xff", b"\xed\xa0\x80"):
        (Path(os.fsdecode(folder)) / os.fsdecode(name)).touch()
    async with files(tmp_path) as here:
        found = sorted([entry.path.name async for entry in here.list(".")])
        assert len(found) == 3 and found[:2] == ["bad\ufffd", "good"] and set(found[2]) == {"\ufffd"}
        with pytest.raises(NoSuchPathException):
            await here.get_attributes("bad\ufffd")
        with pytest.raises(ValueError, match="not valid UTF-8"):
            await here.get_attributes("bad\udcff")


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
async def test_a_copy_does_not_leave_out_what_it_cannot_name(tmp_path: Path, folder: bytes, kind: str) -> None:
    source = folder + b"/source"
    os.mkdir(source)
    (tmp_path / "source" / "good").touch()
    bad = source + b"/bad\xff"
    if kind == "file":
        os.close(os.open(bad, os.O_CREAT))
    elif kind == "directory":
        os.mkdir(bad)
    else:
        os.symlink(b"x", bad)
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy("source", here, "target", CopyMode.CREATE, True))
        assert status.error_type == CopyStatusErrorType.XENON
        assert "bad\ufffd" in status.error_message and "no UTF-8 text" in status.error_message and "Rename it" in status.error_message
        with pytest.raises(InvalidPathException, match="no UTF-8 text"):
            await here.delete("source", recursive=True)
    assert os.path.lexists(bad)


@pytest.mark.parametrize("mode", list(CopyMode))
async def test_two_names_that_look_alike_are_not_copied_as_one(tmp_path: Path, folder: bytes, mode: CopyMode) -> None:
    os.mkdir(folder + b"/source")
    (tmp_path / "source" / "bad\ufffd").write_text("this one has a name")
    Path(os.fsdecode(folder + b"/source/bad\xff")).write_text("this one has none")
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy("source", here, "target", mode, True))
    assert status.error_type == CopyStatusErrorType.XENON and "no UTF-8 text" in status.error_message


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128])
async def test_a_name_that_is_too_long(tmp_path: Path, name: str) -> None:
    async with files(tmp_path) as here:
        assert not await here.exists(name)
        with pytest.raises(InvalidPathException, match="too long"):
            await here.get_attributes(name)
        with pytest.raises(InvalidPathException, match="too long"):
            await here.write_to_file(name, b"x")
    assert os.listdir(tmp_path) == []


async def test_a_directory_with_very_many_entries(tmp_path: Path) -> None:
    wanted = set()
    for number in range(3500):
        (tmp_path / str(number)).touch()
        wanted.add(f"{tmp_path}/{number}")
    async with files(tmp_path) as here:
        found = [str(entry.path) async for entry in here.list(".")]
        assert len(found) == len(wanted) and set(found) == wanted
        listing = here.list(".")
        await anext(listing)
        await listing.aclose()  # type: ignore[attr-defined]  # a generator
        await here.delete(".", recursive=True)
    assert not tmp_path.exists()


async def test_what_vanishes_while_it_is_listed_was_never_there(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / str(number)).touch()
    async with files(tmp_path) as here:
        seen = 0
        async for _entry in here.list("."):
            if not seen:
                for name in os.listdir(tmp_path):
                    os.unlink(tmp_path / name)
            seen += 1
    assert seen < 2500


async def test_paths_with_dots_and_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/inner")
    (tmp_path / "real" / "beside").touch()
    (tmp_path / "file").touch()
    async with files(tmp_path) as here:
        assert await here.exists("link/../beside"), "the parent of what the link points to, as POSIX has it"
        await here.set_working_directory("link")
        assert str(await here.get_working_directory()) == f"{tmp_path}/link"
        await here.write_to_file("./x", b"1")
        assert (tmp_path / "real" / "inner" / "x").exists()
        for path, error in (
            ("nothing", NoSuchPathException),
            (f"{tmp_path}/file", InvalidPathException),
            (f"{tmp_path}/file/x", NoSuchPathException),
        ):
            with pytest.raises(error):
                await here.set_working_directory(path)
        assert str(await here.get_working_directory()) == f"{tmp_path}/link"
        await here.set_working_directory("/")
        assert await here.exists(str(tmp_path).lstrip("/"))


async def test_where_a_file_system_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with await xenon_core.connect("embedded:") as client:
        for location, start in (("", str(tmp_path)), (f"{tmp_path}/./a//b/", f"{tmp_path}/a/b"), ("/", "/")):
            found = await client.filesystems.create("file", location)
            assert str(await found.get_working_directory()) == start
            assert await found.get_location() == location
        local = await client.filesystems.local_file_systems()
        again = await client.filesystems.local_file_systems()
        assert [item.id for item in local] == [item.id for item in again]
        assert str(await local[0].get_working_directory()) == "/"
