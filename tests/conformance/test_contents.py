"""Reading, writing and appending."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

import xenon
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import FILES, Place
from pyxenon_core.streams import ByteSource
from xenon import Path
from xenon.exceptions import InvalidPathException, NoSuchPathException, PathAlreadyExistsException

pytestmark = FILES
MEBIBYTE = 1 << 20
CONTENTS = {
    "empty": b"",
    "one": b"\0",
    "text": b"one line\r\nanother\n",
    "large": hashlib.shake_128(b"conformance").digest(5 * MEBIBYTE + 3),
}


class Interrupted(Exception):
    """What the source of some data raises."""


def pieces(content: bytes, size: int = 100_000) -> Iterator[bytes]:
    yield from (content[start : start + size] for start in range(0, len(content), size))


def broken() -> Iterator[bytes]:
    yield b"x" * MEBIBYTE
    raise Interrupted


SOURCES: dict[str, Callable[[bytes], ByteSource]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "list": lambda content: [content[:1], b"", content[1:]],
    "generator": pieces,
}
contents = pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def lay(ground: Ground, path: Path, content: bytes) -> None:
    ground.run(f"cat >'{path}'", content)


def found(ground: Ground, path: Path) -> bytes:
    return ground.run(f"cat '{path}'")


def read(filesystem: xenon.FileSystem, path: Path) -> bytes:
    return b"".join(filesystem.read_from_file(path))


@contents
def test_read(filesystem: xenon.FileSystem, folder: Path, ground: Ground, content: bytes) -> None:
    """Read a file"""
    lay(ground, folder / "file", content)
    assert read(filesystem, folder / "file") == content


def test_read_in_pieces(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Read nothing empty, and no piece of an empty file"""
    lay(ground, folder / "file", CONTENTS["large"])
    lay(ground, folder / "empty", b"")
    assert all(filesystem.read_from_file(folder / "file"))
    assert list(filesystem.read_from_file(folder / "empty")) == []


def test_read_partly(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Stop reading half-way, and go on with something else"""
    lay(ground, folder / "file", CONTENTS["large"])
    stream = iter(filesystem.read_from_file(folder / "file"))
    assert CONTENTS["large"].startswith(next(stream))
    del stream
    assert read(filesystem, folder / "file") == CONTENTS["large"]


def test_read_relative(place: Place, folder: Path, ground: Ground) -> None:
    """Read, write and append by relative paths"""
    lay(ground, folder / "file", b"content")
    with place.create(str(folder)) as filesystem:
        assert read(filesystem, Path("file")) == b"content"
        filesystem.write_to_file("new", b"one")
        filesystem.append_to_file("new", b" two")
    assert found(ground, folder / "new") == b"one two"


def test_read_through_a_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Read a file through a link"""
    lay(ground, folder / "file", b"content")
    ground.run(f"ln -s file '{folder}/link'")
    assert read(filesystem, folder / "link") == b"content"


@pytest.mark.parametrize("name", ["missing", "dangling"])
def test_read_missing(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, name: str) -> None:
    """Refuse to read what is missing"""
    ground.run(f"ln -s nowhere '{folder}/dangling'")
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / name):
        read(filesystem, folder / name)


def test_read_directory(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Refuse to read a directory"""
    with refused(InvalidPathException, adaptor=adaptor, subject=folder):
        read(filesystem, folder)


# --- write ---


@contents
@sources
def test_write(filesystem: xenon.FileSystem, folder: Path, ground: Ground, source: Callable[[bytes], ByteSource], content: bytes) -> None:
    """Write a file"""
    filesystem.write_to_file(folder / "file", source(content))
    assert found(ground, folder / "file") == content


def test_write_with_size(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Write a file whose size is said beforehand"""
    filesystem.write_to_file(folder / "file", pieces(CONTENTS["large"]), size=len(CONTENTS["large"]))
    assert found(ground, folder / "file") == CONTENTS["large"]


@pytest.mark.parametrize("there", ["file", "directory", "link", "dangling"])
def test_write_over(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, there: str) -> None:
    """Refuse to write where something is"""
    ground.run(f"cd '{folder}' && printf old >file && mkdir directory && ln -s file link && ln -s nowhere dangling")
    with refused(PathAlreadyExistsException, adaptor=adaptor, subject=folder / there):
        filesystem.write_to_file(folder / there, b"new")
    assert ground.run(f"cd '{folder}' && cat file; ls") == b"olddangling\ndirectory\nfile\nlink\n"


@pytest.mark.parametrize("content", [b"new", CONTENTS["large"]], ids=["text", "large"])
def test_write_below_nothing(filesystem: xenon.FileSystem, folder: Path, adaptor: str, content: bytes) -> None:
    """Refuse to write into a directory that is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing" / "file"):
        filesystem.write_to_file(folder / "missing" / "file", pieces(content))


def test_write_breaks_off(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Leave no file when the data breaks off, and raise what broke it"""
    with pytest.raises(Interrupted):
        filesystem.write_to_file(folder / "file", broken())
    assert ground.run(f"ls -A '{folder}'") == b"", "a file is left"


# --- append ---


@contents
@sources
def test_append(filesystem: xenon.FileSystem, folder: Path, ground: Ground, source: Callable[[bytes], ByteSource], content: bytes) -> None:
    """Append to a file"""
    lay(ground, folder / "file", b"before, ")
    filesystem.append_to_file(folder / "file", source(content))
    assert found(ground, folder / "file") == b"before, " + content


def test_append_again(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Append to an empty file, and once more"""
    lay(ground, folder / "file", b"")
    for content in (b"one", b" two"):
        filesystem.append_to_file(folder / "file", content)
    assert found(ground, folder / "file") == b"one two"


def test_append_through_a_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Append to a file through a link"""
    lay(ground, folder / "file", b"one")
    ground.run(f"ln -s file '{folder}/link'")
    filesystem.append_to_file(folder / "link", b" two")
    assert found(ground, folder / "file") == b"one two"


@pytest.mark.parametrize("name", ["missing", "missing/file"])
def test_append_to_nothing(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, name: str) -> None:
    """Refuse to append to what is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / name):
        filesystem.append_to_file(folder / name, b"content")
    assert ground.run(f"ls -A '{folder}'") == b"", "a file is left"


def test_append_to_directory(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Refuse to append to a directory"""
    with refused(InvalidPathException, adaptor=adaptor, subject=folder):
        filesystem.append_to_file(folder, b"content")


def test_append_breaks_off(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Keep what was there when the data to append breaks off, and raise what broke it"""
    lay(ground, folder / "file", b"before")
    with pytest.raises(Interrupted):
        filesystem.append_to_file(folder / "file", broken())
    assert found(ground, folder / "file").startswith(b"before")
