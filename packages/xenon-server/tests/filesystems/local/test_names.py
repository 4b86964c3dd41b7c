"""Names of every kind, byte for byte, and listings that leave nothing out."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240, PTH103, PTH108, PTH115, PTH118, PTH208, PTH211
from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyxenon_core
from embedded import ended, files
from pyxenon_core.errors import InvalidPathException, NoSuchPathException, PathAlreadyExistsException
from pyxenon_core.messages import CopyRequestCopyMode as CopyMode
from pyxenon_core.messages import CopyStatusErrorType

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
    .filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255 and not any("\uef80" <= x <= "\uefff" for x in name))
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


NO_TEXT = [b"bad\xff", b"caf\xe9", b"\xed\xa0\x80", "\uefe9".encode(), b"\xff\xfe", "good \ufffd".encode()]


async def test_a_name_that_is_no_text_is_shown_and_can_be_used(tmp_path: Path, folder: bytes) -> None:
    """As over SFTP: what a listing shows can be read, written, renamed, linked to and deleted."""
    for name in NO_TEXT:
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    async with files(tmp_path) as here:
        shown = {entry.path.name async for entry in here.list(".")}
        assert len(shown) == len(NO_TEXT) and {"caf\uefe9", "good \ufffd", "\uefee\uefbf\uefa9"} < shown
        for name in shown:
            content = b"".join([piece async for piece in here.read_from_file(name)])
            await here.rename(name, f"{name} 2")
            assert os.path.lexists(folder + b"/" + content + b" 2"), "the name is the same bytes, and two more"
            await here.create_symbolic_link("link", f"{name} 2")
            assert os.readlink(folder + b"/link") == folder + b"/" + content + b" 2"
            assert (await here.read_symbolic_link("link")).name == f"{name} 2"
            await here.delete("link")
            with pytest.raises(PathAlreadyExistsException, match=name):
                await here.create_file(f"{name} 2")
            await here.delete(f"{name} 2")
            with pytest.raises(NoSuchPathException, match=f"{tmp_path}/{name}"):
                await here.get_attributes(name)
        with pytest.raises(ValueError, match="cannot be encoded in UTF-8"):
            await here.get_attributes("bad\udcff")
    assert os.listdir(folder) == []


@pytest.mark.parametrize("mode", list(CopyMode))
async def test_a_tree_of_names_that_are_no_text_is_copied_and_deleted(tmp_path: Path, folder: bytes, mode: CopyMode) -> None:
    source = folder + b"/source"
    for name in NO_TEXT:
        os.makedirs(source + b"/" + name)
        Path(os.fsdecode(source + b"/" + name + b"/" + name)).write_bytes(name)
        os.symlink(name, source + b"/" + name + b"/link")
    async with files(tmp_path) as here:
        status = await ended(here, await here.copy("source", here, "target", mode, True))
        assert status.error_type == CopyStatusErrorType.NONE, status.error_message
        for name in NO_TEXT:
            assert Path(os.fsdecode(folder + b"/target/" + name + b"/link")).read_bytes() == name
        for top in ("source", "target"):
            await here.delete(top, recursive=True)
    assert os.listdir(folder) == []


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
        await here.delete(str(tmp_path), recursive=True)
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
    async with await pyxenon_core.connect("embedded:") as client:
        for location, start in (("", str(tmp_path)), (f"{tmp_path}/./a//b/", f"{tmp_path}/a/b"), ("/", "/")):
            found = await client.filesystems.create("file", location)
            assert str(await found.get_working_directory()) == start
            assert await found.get_location() == location
        local = await client.filesystems.local_file_systems()
        again = await client.filesystems.local_file_systems()
        assert [item.id for item in local] == [item.id for item in again]
        assert str(await local[0].get_working_directory()) == "/"
