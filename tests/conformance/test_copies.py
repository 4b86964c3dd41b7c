"""Copies within a file system and between two."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import attrs
import pytest

import xenon
from conformance.expectations import refused
from conformance.grounds import Ground, fresh_folder
from conformance.places import FILES, Place, Places, on
from pyxenon_core.messages import CopyOperation
from pyxenon_core.messages import CopyStatusErrorType as Kind
from xenon import CopyMode, CopyStatus, Path
from xenon.exceptions import FileSystemClosedException, NoSuchCopyException

pytestmark = pytest.mark.timeout(60)
SECONDS = 60
LARGE = bytes(range(256)) * 12_289  # three MiB and a bit: no multiple of a buffer
HUGE = 1 << 30
WAYS = ("within", "from", "to")
ways = pytest.mark.parametrize("way", WAYS)


@attrs.frozen
class End:
    """One end of a copy: a file system, the machine behind it, and a new directory there."""

    filesystem: xenon.FileSystem
    ground: Ground
    folder: Path

    def lay(self, name: str, content: bytes) -> None:
        self.ground.run(f"cat >'{self.folder}/{name}'", content)

    def found(self, name: str) -> bytes:
        return self.ground.run(f"cat '{self.folder}/{name}'")


@attrs.frozen
class Pair:
    """Both ends of a copy."""

    source: End
    target: End

    def start(self, source: str, target: str, mode: CopyMode = CopyMode.CREATE, recursive: bool = False) -> CopyOperation:
        return self.source.filesystem.copy(
            self.source.folder / source, self.target.filesystem, self.target.folder / target, mode, recursive
        )

    def copy(self, source: str, target: str, mode: CopyMode = CopyMode.CREATE, recursive: bool = False) -> CopyStatus:
        """The status once it is done."""
        status = self.source.filesystem.wait_until_done(self.start(source, target, mode, recursive), timeout=SECONDS * 1000)
        assert status.done and not status.running, f"the copy is still {status.state}"
        return status

    def succeed(self, source: str, target: str, mode: CopyMode = CopyMode.CREATE, recursive: bool = False) -> CopyStatus:
        status = self.copy(source, target, mode, recursive)
        assert status.error_type == Kind.NONE, f"the copy failed: {status.error_message}"
        assert not status.error_message
        return status

    def fail(self, kind: Kind, source: str, target: str, mode: CopyMode = CopyMode.CREATE, recursive: bool = False) -> CopyStatus:
        status = self.copy(source, target, mode, recursive)
        assert status.error_type == kind, f"the copy ended with {status.error_type.name}: {status.error_message}"
        assert status.error_message
        return status


@pytest.fixture
def pair(place: Place, places: Places, filesystem: xenon.FileSystem, folder: Path, server: str, way: str) -> Iterator[Pair]:
    """From and to the adaptor of the test; the other end, if it is another one, is this machine's file system on the same server."""
    there = End(filesystem, place.ground, folder)
    here = place if way == "within" else places.get(server, "file")
    with fresh_folder(here.ground) as path:
        other = End(places.handle(here), here.ground, Path(path))
        yield Pair(other, there) if way == "to" else Pair(there, other)


def tree(end: End) -> None:
    script = "mkdir -p tree/a/b tree/empty tree/.git && echo one >tree/one && echo two >tree/a/b/two && echo head >tree/.git/HEAD"
    end.ground.run(f"cd '{end.folder}' && {script}")


def listing(end: End, name: str) -> list[str]:
    return end.ground.run(f"cd '{end.folder}/{name}' && find . -mindepth 1 | LC_ALL=C sort").decode().split()


# --- files ---


@FILES
@ways
@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["empty", "one", "large"])
def test_copy(pair: Pair, content: bytes) -> None:
    """Copy a file, and tell how many bytes were copied"""
    pair.source.lay("file", content)
    status = pair.succeed("file", "copy")
    assert pair.target.found("copy") == content == pair.source.found("file")
    assert status.bytes_copied == len(content), f"{status.bytes_copied} bytes are told as copied"


@FILES
@ways
def test_size_of_a_copy(pair: Pair) -> None:
    """Tell how many bytes there are to copy"""
    pair.source.lay("file", b"content")
    assert pair.succeed("file", "copy").bytes_to_copy == 7, "the size is told as 0"


@FILES
@ways
@pytest.mark.parametrize(
    ("mode", "kind", "content"),
    [(CopyMode.CREATE, Kind.ALREADY_EXISTS, b"old"), (CopyMode.REPLACE, Kind.NONE, b"new"), (CopyMode.IGNORE, Kind.NONE, b"old")],
    ids=["create", "replace", "ignore"],
)
def test_copy_onto_a_file(pair: Pair, mode: CopyMode, kind: Kind, content: bytes) -> None:
    """Copy onto a file: refuse, replace or ignore it"""
    pair.source.lay("file", b"new")
    pair.target.lay("copy", b"old")
    status = pair.copy("file", "copy", mode)
    assert status.error_type == kind, f"the copy ended with {status.error_type.name}: {status.error_message}"
    assert pair.target.found("copy") == content


@FILES
@ways
@pytest.mark.parametrize("mode", [CopyMode.REPLACE, CopyMode.IGNORE], ids=["replace", "ignore"])
def test_copy_where_nothing_is(pair: Pair, mode: CopyMode) -> None:
    """Copy to where nothing is in the modes for where something may be"""
    pair.source.lay("file", b"content")
    pair.succeed("file", "copy", mode)
    assert pair.target.found("copy") == b"content"


@FILES
@ways
def test_copy_missing(pair: Pair) -> None:
    """Say in the status that the source is missing"""
    status = pair.fail(Kind.NOT_FOUND, "missing", "copy")
    assert "missing" in status.error_message
    assert listing(pair.target, ".") == []


@FILES
@ways
def test_copy_below_nothing(pair: Pair) -> None:
    """Say in the status that the target's directory is missing"""
    pair.source.lay("file", b"content")
    pair.fail(Kind.NOT_FOUND, "file", "missing/copy")


@FILES
@ways
def test_copy_link(pair: Pair) -> None:
    """Copy a link as a link"""
    pair.source.ground.run(f"cd '{pair.source.folder}' && echo content >file && ln -s '{pair.source.folder}/file' link")
    pair.succeed("link", "copy")
    assert pair.target.ground.run(f"readlink '{pair.target.folder}/copy'").decode().strip() == str(pair.source.folder / "file")


@FILES
@ways
def test_copy_executable(pair: Pair) -> None:
    """Copy a program so that it can still be run"""
    pair.source.ground.run(f"cd '{pair.source.folder}' && echo 'echo ran' >program && chmod 755 program")
    pair.succeed("program", "copy")
    mode = pair.target.ground.run(f"stat -c %A '{pair.target.folder}/copy'").decode()
    assert mode[3] == "x", f"it is {mode}"


@FILES
@ways
def test_copy_file_onto_directory(pair: Pair) -> None:
    """Refuse to replace a directory by a file"""
    pair.source.lay("file", b"content")
    pair.target.ground.run(f"mkdir '{pair.target.folder}/full' && echo old >'{pair.target.folder}/full/file'")
    status = pair.copy("file", "full", CopyMode.REPLACE)
    assert status.error_type not in (Kind.NONE, Kind.CANCELLED), "the copy is told to be done"
    assert pair.target.found("full/file") == b"old\n"


# --- directories ---


@FILES
@ways
def test_copy_directory_alone(pair: Pair) -> None:
    """Refuse to copy a directory when not told to copy what is below"""
    tree(pair.source)
    pair.fail(Kind.XENON, "tree", "copy")


@FILES
@ways
def test_copy_directory(pair: Pair) -> None:
    """Copy a directory with all that is in it"""
    tree(pair.source)
    status = pair.succeed("tree", "copy", recursive=True)
    assert listing(pair.target, "copy") == listing(pair.source, "tree")
    assert pair.target.found("copy/a/b/two") == b"two\n"
    assert (status.bytes_copied, status.bytes_to_copy) == (13, 13), (
        f"{status.bytes_copied} of {status.bytes_to_copy} bytes are told as copied"
    )


@FILES
@ways
def test_copy_directory_with_links(pair: Pair) -> None:
    """Copy the links in a directory as links"""
    tree(pair.source)
    pair.source.ground.run(f"cd '{pair.source.folder}/tree' && ln -s /nowhere dangling && ln -s '{pair.source.folder}' up")
    pair.succeed("tree", "copy", recursive=True)
    found = pair.target.ground.run(f"cd '{pair.target.folder}/copy' && readlink dangling; readlink up || true").decode().split()
    assert found == ["/nowhere", str(pair.source.folder)], "links are lost"


@FILES
@ways
@pytest.mark.parametrize(
    ("mode", "kind", "content"),
    [(CopyMode.CREATE, Kind.ALREADY_EXISTS, b"old\n"), (CopyMode.REPLACE, Kind.NONE, b"one\n"), (CopyMode.IGNORE, Kind.NONE, b"old\n")],
    ids=["create", "replace", "ignore"],
)
def test_copy_directory_onto_directory(pair: Pair, mode: CopyMode, kind: Kind, content: bytes) -> None:
    """Copy a directory onto one: refuse, or merge and replace or ignore the files"""
    tree(pair.source)
    pair.target.ground.run(f"cd '{pair.target.folder}' && mkdir copy && echo old >copy/one && echo kept >copy/other")
    status = pair.copy("tree", "copy", mode, recursive=True)
    assert status.error_type == kind, f"the copy ended with {status.error_type.name}: {status.error_message}"
    assert pair.target.found("copy/one") == content
    assert pair.target.found("copy/other") == b"kept\n"
    assert ("./a/b/two" in listing(pair.target, "copy")) is (kind == Kind.NONE), "a file was left out"


@FILES
@ways
@pytest.mark.parametrize("mode", [CopyMode.CREATE, CopyMode.REPLACE], ids=["create", "replace"])
def test_copy_directory_onto_file(pair: Pair, mode: CopyMode) -> None:
    """Refuse to replace a file by a directory"""
    tree(pair.source)
    pair.target.lay("copy", b"old")
    status = pair.copy("tree", "copy", mode, recursive=True)
    assert status.error_type not in (Kind.NONE, Kind.CANCELLED), "the copy is told to be done"
    assert pair.target.found("copy") == b"old"


@FILES
@pytest.mark.parametrize("way", ["within"])
@pytest.mark.parametrize("mode", list(CopyMode), ids=lambda mode: mode.name.lower())
def test_copy_onto_itself(pair: Pair, mode: CopyMode) -> None:
    """Keep a file that is copied onto itself"""
    pair.source.lay("file", b"content")
    end = pair.source
    Pair(end, end).copy("file", "file", mode)
    assert listing(end, ".") == ["./file"], "the file is lost"
    assert end.found("file") == b"content"


@FILES
@pytest.mark.parametrize("way", ["within"])
def test_copy_into_itself(pair: Pair) -> None:
    """Refuse to copy a directory into itself"""
    tree(pair.source)
    before = listing(pair.source, ".")
    status = Pair(pair.source, pair.source).copy("tree", "tree/a/copy", recursive=True)
    assert status.error_type == Kind.XENON, f"the copy ended with {status.error_type.name}: {status.error_message}"
    assert listing(pair.source, ".") == before


@FILES
@ways
def test_relative_copy(place: Place, places: Places, pair: Pair, way: str) -> None:
    """Resolve the paths of a copy each against the working directory of its file system"""
    pair.source.lay("file", b"content")
    here = places.get(place.server, "file")
    of_source, of_target = {"within": (place, place), "from": (place, here), "to": (here, place)}[way]
    with of_source.create(str(pair.source.folder)) as source, of_target.create(str(pair.target.folder)) as target:
        status = source.wait_until_done(source.copy("file", target, "copy"), timeout=SECONDS * 1000)
        assert not status.error_message, status.error_message
    assert listing(pair.target, ".") == ["./copy"], "the copy is elsewhere"
    assert pair.target.found("copy") == b"content"


# --- the life of a copy ---


@FILES
@ways
def test_wait_without_end(pair: Pair) -> None:
    """Wait for a copy as long as it takes"""
    pair.source.lay("file", LARGE)
    operation = pair.start("file", "copy")
    status = pair.source.filesystem.wait_until_done(operation)
    assert status.done and not status.error_message
    assert status.copy_operation == operation
    assert pair.target.found("copy") == LARGE


@FILES
@pytest.mark.parametrize("way", ["within"])
def test_status_twice(pair: Pair) -> None:
    """Ask for the status of a copy that is done as often as one likes"""
    pair.source.lay("file", b"content")
    operation = pair.start("file", "copy")
    first = pair.source.filesystem.wait_until_done(operation, timeout=SECONDS * 1000)
    assert first.done
    assert pair.source.filesystem.get_status(operation) == first
    assert pair.source.filesystem.wait_until_done(operation, timeout=1) == first


@FILES
@pytest.mark.parametrize("way", ["within"])
def test_state_words(pair: Pair) -> None:
    """Tell the state of a copy in words"""
    pair.source.lay("file", b"content")
    assert pair.succeed("file", "copy").state == "DONE"
    assert pair.copy("file", "copy").state == "FAILED"


@FILES
def test_unknown_copy(filesystem: xenon.FileSystem, adaptor: str) -> None:
    """Refuse a copy that is unknown"""
    unknown = CopyOperation("nonsense")
    for ask in (filesystem.get_status, filesystem.cancel, filesystem.wait_until_done):
        with refused(NoSuchCopyException, adaptor=adaptor, subject="nonsense"):
            ask(unknown)


@FILES
@pytest.mark.parametrize("way", ["within"])
def test_copy_of_another(place: Place, pair: Pair) -> None:
    """Know a copy only by the file system that it was started on"""
    pair.source.lay("file", b"content")
    operation = pair.start("file", "copy")
    with place.create() as other, refused(NoSuchCopyException):
        other.get_status(operation)
    assert pair.source.filesystem.wait_until_done(operation, timeout=SECONDS * 1000).done


@FILES
def test_copy_to_closed(place: Place, filesystem: xenon.FileSystem, folder: Path) -> None:
    """Refuse to copy to a file system that is closed"""
    other = place.create()
    other.close()
    with refused(FileSystemClosedException):
        filesystem.copy(folder / "file", other, folder / "copy")


# --- copies that take their time: over ssh ---


@pytest.fixture
def long_copy(pair: Pair) -> Iterator[CopyOperation]:
    """A copy that takes seconds, of which bytes have arrived."""
    pair.source.ground.run(f"truncate -s {HUGE} '{pair.source.folder}/file'")
    operation = pair.start("file", "copy")
    deadline = time.monotonic() + SECONDS
    while not pair.source.filesystem.get_status(operation).bytes_copied:
        assert time.monotonic() < deadline, "no byte arrives"
        time.sleep(0.01)
    yield operation
    with contextlib.suppress(NoSuchCopyException):
        pair.source.filesystem.cancel(operation)


over_ssh = on("sftp")
either_way = pytest.mark.parametrize("way", ["from", "to"])


@over_ssh
@either_way
def test_wait_for_a_while(pair: Pair, long_copy: CopyOperation) -> None:
    """Wait for a copy no longer than the timeout, and tell how far it is"""
    started = time.monotonic()
    status = pair.source.filesystem.wait_until_done(long_copy, timeout=100)
    assert time.monotonic() - started > 0.05
    assert not status.done and status.error_type == Kind.NONE
    assert 0 < status.bytes_copied < HUGE


@over_ssh
@either_way
def test_running_copy(pair: Pair, long_copy: CopyOperation) -> None:
    """Tell that a copy of a file runs, and how much there is to copy"""
    status = pair.source.filesystem.get_status(long_copy)
    assert status.running and status.state == "RUNNING", f"it is told as {status.state}"
    assert status.bytes_to_copy == HUGE


@over_ssh
@either_way
def test_cancel(pair: Pair, long_copy: CopyOperation) -> None:
    """Cancel a copy"""
    status = pair.source.filesystem.cancel(long_copy)
    assert status.done and not status.running
    assert status.error_type == Kind.CANCELLED and status.error_message


@over_ssh
@either_way
def test_cancelled_copy_is_known(pair: Pair, long_copy: CopyOperation) -> None:
    """Tell later, too, that a copy was cancelled"""
    pair.source.filesystem.cancel(long_copy)
    assert pair.source.filesystem.get_status(long_copy).error_type == Kind.CANCELLED


@over_ssh
@either_way
def test_cancelled_copy_leaves_nothing(pair: Pair, long_copy: CopyOperation) -> None:
    """Leave nothing of a copy that was cancelled"""
    pair.source.filesystem.cancel(long_copy)
    assert listing(pair.target, ".") == [], "a part of the file is left"


@over_ssh
@either_way
def test_cancelled_copy_keeps_what_was_there(pair: Pair) -> None:
    """Keep the old file when the copy that would have replaced it is cancelled"""
    pair.source.ground.run(f"truncate -s {HUGE} '{pair.source.folder}/file'")
    pair.target.lay("copy", b"old")
    operation = pair.start("file", "copy", CopyMode.REPLACE)
    pair.source.filesystem.wait_until_done(operation, timeout=100)
    pair.source.filesystem.cancel(operation)
    content = pair.target.ground.run(f"head -c 10 '{pair.target.folder}/copy' || true")
    assert content == b"old", "the old file is lost"


@over_ssh
@pytest.mark.parametrize("way", ["to"])
def test_close_ends_copies(place: Place, places: Places, pair: Pair) -> None:
    """End the copies of a file system that is closed"""
    pair.source.ground.run(f"truncate -s {HUGE} '{pair.source.folder}/file'")
    source = places.get(place.server, "file").create()
    operation = source.copy(pair.source.folder / "file", pair.target.filesystem, pair.target.folder / "copy")
    source.wait_until_done(operation, timeout=50)
    source.close()
    size = f"cat '{pair.target.folder}'/* 2>/dev/null | wc -c"
    time.sleep(0.2)
    before = pair.target.ground.run(size)
    time.sleep(0.3)
    assert pair.target.ground.run(size) == before, "the copy goes on"
