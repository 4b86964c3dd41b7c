"""Making, linking, renaming and deleting."""

from __future__ import annotations

import pytest

import xenon
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import FILES, Place
from xenon import Path
from xenon.exceptions import (
    DirectoryNotEmptyException,
    InvalidPathException,
    NoSuchPathException,
    PathAlreadyExistsException,
)

pytestmark = FILES
MAKERS = ("create_file", "create_directory", "create_directories")


def what_is_at(ground: Ground, path: Path) -> str:
    """``regular empty file``, ``directory``, ``symbolic link`` and the like."""
    return ground.run(f"stat -c %F '{path}' 2>/dev/null || echo nothing").decode().strip()


def test_create_file(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Create an empty file"""
    filesystem.create_file(folder / "file")
    assert what_is_at(ground, folder / "file") == "regular empty file"


def test_create_directory(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Create a directory"""
    filesystem.create_directory(folder / "directory")
    assert what_is_at(ground, folder / "directory") == "directory"


def test_create_directories(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Create a directory and those above it"""
    filesystem.create_directories(folder / "a" / "b" / "c")
    filesystem.create_directories(folder / "a" / "b" / "d")
    assert what_is_at(ground, folder / "a" / "b" / "c") == what_is_at(ground, folder / "a" / "b" / "d") == "directory"


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_making_what_exists(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, maker: str, there: str) -> None:
    """Refuse to create a file or directory where something is"""
    ground.run(f"cd '{folder}' && echo content >file && mkdir directory && ln -s nowhere dangling")
    before = what_is_at(ground, folder / there)
    with refused(PathAlreadyExistsException, adaptor=adaptor, subject=folder / there):
        getattr(filesystem, maker)(folder / there)
    assert what_is_at(ground, folder / there) == before


@pytest.mark.parametrize("maker", ["create_file", "create_directory"])
def test_making_below_nothing(filesystem: xenon.FileSystem, folder: Path, adaptor: str, maker: str) -> None:
    """Refuse to create a file or directory in a directory that is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing" / "new"):
        getattr(filesystem, maker)(folder / "missing" / "new")


@pytest.mark.parametrize("maker", MAKERS)
def test_making_below_a_file(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, maker: str) -> None:
    """Refuse to create a file or directory below a file"""
    ground.run(f"echo content >'{folder}/file'")
    with refused(InvalidPathException, NoSuchPathException, PathAlreadyExistsException, adaptor=adaptor, subject=folder / "file" / "new"):
        getattr(filesystem, maker)(folder / "file" / "new")
    assert ground.run(f"cat '{folder}/file'") == b"content\n"


@pytest.mark.parametrize("maker", MAKERS)
def test_making_by_a_relative_path(place: Place, folder: Path, ground: Ground, maker: str) -> None:
    """Create what a relative path names"""
    with place.create(str(folder)) as filesystem:
        getattr(filesystem, maker)("new")
    assert what_is_at(ground, folder / "new") in ("directory", "regular empty file")


# --- symbolic links ---


def test_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Make a symbolic link"""
    ground.run(f"echo content >'{folder}/file'")
    filesystem.create_symbolic_link(folder / "link", folder / "file")
    assert ground.run(f"readlink '{folder}/link'").decode().strip() == str(folder / "file")


def test_link_to_nothing(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Make a symbolic link whose target is missing"""
    filesystem.create_symbolic_link(folder / "link", folder / "missing")
    assert ground.run(f"readlink '{folder}/link'").decode().strip() == str(folder / "missing")


def test_link_to_a_relative_target(place: Place, folder: Path, ground: Ground) -> None:
    """Resolve the relative target of a symbolic link against the working directory"""
    ground.run(f"mkdir '{folder}/inner'; echo content >'{folder}/file'")
    with place.create(str(folder)) as filesystem:
        filesystem.create_symbolic_link("inner/link", "file")
        found = filesystem.read_symbolic_link("inner/link")
    assert found == folder / "file", f"the link points to {found.parent.name}/{found.name}"
    assert ground.run(f"cat '{folder}/inner/link'") == b"content\n"


@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_link_where_something_is(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, there: str) -> None:
    """Refuse to make a symbolic link where something is"""
    ground.run(f"cd '{folder}' && echo content >file && mkdir directory && ln -s nowhere dangling")
    before = what_is_at(ground, folder / there)
    with refused(PathAlreadyExistsException, adaptor=adaptor, subject=folder / there):
        filesystem.create_symbolic_link(folder / there, folder / "target")
    assert what_is_at(ground, folder / there) == before


def test_link_below_nothing(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Refuse to make a symbolic link in a directory that is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing" / "link"):
        filesystem.create_symbolic_link(folder / "missing" / "link", folder / "target")


def test_read_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Tell where a symbolic link points, be it to nothing"""
    ground.run(f"cd '{folder}' && ln -s '{folder}/file' link && ln -s /nowhere dangling")
    assert filesystem.read_symbolic_link(folder / "link") == folder / "file"
    assert filesystem.read_symbolic_link(folder / "dangling") == Path("/nowhere")


def test_read_relative_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Tell where a relative symbolic link points, as an absolute path"""
    ground.run(f"cd '{folder}' && mkdir inner && ln -s ../file inner/link")
    found = str(filesystem.read_symbolic_link(folder / "inner" / "link"))
    assert found in (str(folder / "file"), str(folder / "inner" / ".." / "file")), f"the link is told to point to {found!r}"


@pytest.mark.parametrize("there", ["file", "directory"])
def test_read_link_of_no_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, there: str) -> None:
    """Refuse to read a link that is none"""
    ground.run(f"cd '{folder}' && echo content >file && mkdir directory")
    with refused(InvalidPathException, adaptor=adaptor, subject=folder / there):
        filesystem.read_symbolic_link(folder / there)


def test_read_missing_link(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Say that a link is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing"):
        filesystem.read_symbolic_link(folder / "missing")


# --- exists ---


@pytest.mark.parametrize(
    ("name", "expected"), [("file", True), ("directory", True), ("link", True), ("dangling", True), ("missing", False)]
)
def test_exists(filesystem: xenon.FileSystem, folder: Path, ground: Ground, name: str, expected: bool) -> None:
    """Tell whether something is at a path"""
    ground.run(f"cd '{folder}' && echo content >file && mkdir directory && ln -s file link && ln -s nowhere dangling")
    assert bool(filesystem.exists(folder / name)) is expected, f"{name} is told to {'be missing' if expected else 'exist'}"


def test_nothing_exists_below_a_file(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Say that nothing exists below a file or below nothing"""
    ground.run(f"echo content >'{folder}/file'")
    assert not filesystem.exists(folder / "file" / "below")
    assert not filesystem.exists(folder / "missing" / "below")


# --- rename ---


@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_rename(filesystem: xenon.FileSystem, folder: Path, ground: Ground, there: str) -> None:
    """Rename a file, a directory or a link, into another directory"""
    ground.run(f"cd '{folder}' && mkdir other && echo content >file && mkdir -p directory/inner && ln -s nowhere dangling")
    before = what_is_at(ground, folder / there)
    filesystem.rename(folder / there, folder / "other" / "new")
    assert what_is_at(ground, folder / there) == "nothing"
    assert what_is_at(ground, folder / "other" / "new") == before


@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_rename_onto_something(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, there: str) -> None:
    """Refuse to rename onto something that exists"""
    ground.run(f"cd '{folder}' && echo content >source && echo other >file && mkdir directory && ln -s nowhere dangling")
    before = what_is_at(ground, folder / there)
    with refused(PathAlreadyExistsException, adaptor=adaptor):
        filesystem.rename(folder / "source", folder / there)
    assert what_is_at(ground, folder / there) == before
    assert ground.run(f"cat '{folder}/source'") == b"content\n"


def test_rename_missing(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Refuse to rename what is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing"):
        filesystem.rename(folder / "missing", folder / "new")


def test_rename_below_nothing(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str) -> None:
    """Refuse to rename into a directory that is missing"""
    ground.run(f"echo content >'{folder}/file'")
    with refused(NoSuchPathException, adaptor=adaptor):
        filesystem.rename(folder / "file", folder / "missing" / "new")
    assert ground.run(f"cat '{folder}/file'") == b"content\n"


# --- delete ---


@pytest.mark.parametrize("recursive", [False, True], ids=["alone", "recursive"])
@pytest.mark.parametrize("there", ["file", "directory", "link", "dangling"])
def test_delete(filesystem: xenon.FileSystem, folder: Path, ground: Ground, there: str, recursive: bool) -> None:
    """Delete a file, an empty directory or a link, whose target stays"""
    ground.run(
        f"cd '{folder}' && echo content >file && mkdir directory full && echo >full/file && ln -s full link && ln -s nowhere dangling"
    )
    filesystem.delete(folder / there, recursive)
    assert what_is_at(ground, folder / there) == "nothing"
    assert ground.run(f"ls '{folder}/full'") == b"file\n"


def test_delete_full_directory(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str) -> None:
    """Refuse to delete a directory that is not empty"""
    ground.run(f"mkdir '{folder}/full'; echo content >'{folder}/full/file'")
    with refused(DirectoryNotEmptyException, adaptor=adaptor, subject=folder / "full"):
        filesystem.delete(folder / "full")
    assert ground.run(f"cat '{folder}/full/file'") == b"content\n"


def test_delete_tree(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Delete a directory with what is in it, and nothing that its links point to"""
    ground.run(
        f"cd '{folder}' && mkdir -p kept tree/a/b tree/.hidden && echo >kept/file && echo >tree/a/b/file && echo >tree/.hidden/.file"
    )
    ground.run(f"cd '{folder}/tree' && ln -s ../kept to_directory && ln -s ../kept/file to_file && ln -s nowhere dangling")
    filesystem.delete(folder / "tree", recursive=True)
    assert ground.run(f"cd '{folder}' && find . | sort") == b".\n./kept\n./kept/file\n"


@pytest.mark.parametrize("recursive", [False, True], ids=["alone", "recursive"])
def test_delete_missing(filesystem: xenon.FileSystem, folder: Path, adaptor: str, recursive: bool) -> None:
    """Refuse to delete what is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing"):
        filesystem.delete(folder / "missing", recursive)
