"""Attributes field by field, permissions bit by bit, and listings."""

from __future__ import annotations

import time

import pytest

import xenon
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import FILES, Place
from pyxenon_core._generated.messages import PathAttributes
from xenon import Path, PosixFilePermission
from xenon.exceptions import InvalidPathException, NoSuchPathException

pytestmark = FILES
BITS = {
    PosixFilePermission.OWNER_READ: 0o400,
    PosixFilePermission.OWNER_WRITE: 0o200,
    PosixFilePermission.OWNER_EXECUTE: 0o100,
    PosixFilePermission.GROUP_READ: 0o040,
    PosixFilePermission.GROUP_WRITE: 0o020,
    PosixFilePermission.GROUP_EXECUTE: 0o010,
    PosixFilePermission.OTHERS_READ: 0o004,
    PosixFilePermission.OTHERS_WRITE: 0o002,
    PosixFilePermission.OTHERS_EXECUTE: 0o001,
}
LONG_AGO = 1_234_567_890
KINDS = ("is_regular", "is_directory", "is_symbolic_link", "is_other")


def mode_of(permissions: list[PosixFilePermission]) -> int:
    assert len(set(permissions)) == len(permissions), f"a permission is told twice: {permissions}"
    return sum(BITS[permission] for permission in permissions)


def stat(ground: Ground, path: Path, form: str) -> str:
    return ground.run(f"stat -c '{form}' '{path}'").decode().strip()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        ("echo content >it", "is_regular"),
        ("mkdir it", "is_directory"),
        ("ln -s target it; mkdir target", "is_symbolic_link"),
        ("ln -s nowhere it", "is_symbolic_link"),
        ("mkfifo it", "is_other"),
    ],
    ids=["file", "directory", "link", "dangling", "pipe"],
)
def test_kind(filesystem: xenon.FileSystem, folder: Path, ground: Ground, make: str, kind: str) -> None:
    """Tell a file, a directory, a link and a pipe apart"""
    ground.run(f"cd '{folder}' && {make}")
    found = filesystem.get_attributes(folder / "it")
    told = [name for name in KINDS if getattr(found, name)]
    assert told == [kind], f"it is told as {told}"


def test_path_of_attributes(place: Place, folder: Path, ground: Ground) -> None:
    """Give attributes an absolute path"""
    ground.run(f"mkdir '{folder}/inner'; echo content >'{folder}/inner/file'")
    with place.create(str(folder)) as filesystem:
        assert filesystem.get_attributes("inner/file").path == folder / "inner" / "file"


@pytest.mark.parametrize("size", [0, 1, 5, 3 << 30])
def test_size(filesystem: xenon.FileSystem, folder: Path, ground: Ground, size: int) -> None:
    """Tell the size of a file, up to more than 2 GiB"""
    ground.run(f"truncate -s {size} '{folder}/file'")
    assert filesystem.get_attributes(folder / "file").size == size


def test_times(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Tell when a file was changed and read, in milliseconds"""
    ground.run(f"cd '{folder}' && echo >file && touch -m -d @{LONG_AGO} file && touch -a -d @{LONG_AGO + 7} file")
    found = filesystem.get_attributes(folder / "file")
    assert found.last_modified_time == LONG_AGO * 1000
    assert found.last_access_time == (LONG_AGO + 7) * 1000, f"it was read at {found.last_access_time}"


def test_creation_time(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Tell when a file was created, or another of its times where nobody knows"""
    ground.run(f"cd '{folder}' && echo >file && touch -d @{LONG_AGO} file")
    created = filesystem.get_attributes(folder / "file").creation_time
    known = created in (0, LONG_AGO * 1000) or abs(created / 1000 - time.time()) < 60
    assert known, f"it is told as created at {created}"


def test_owner(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Tell a file's owner and group by their names"""
    ground.run(f"echo >'{folder}/file'")
    found = filesystem.get_attributes(folder / "file")
    expected = stat(ground, folder / "file", "%U %G")
    assert f"{found.owner} {found.group}" == expected, f"owner and group are told as {found.owner!r} and {found.group!r}"


@pytest.mark.parametrize(("name", "expected"), [(".hidden", True), ("shown", False), ("not.hidden", False)])
def test_hidden(filesystem: xenon.FileSystem, folder: Path, ground: Ground, name: str, expected: bool) -> None:
    """Tell whether a file is hidden"""
    ground.run(f"echo >'{folder}/{name}'")
    assert filesystem.get_attributes(folder / name).is_hidden is expected


@pytest.mark.parametrize(("mode", "expected"), [(0o644, False), (0o755, True)], ids=["644", "755"])
def test_access(filesystem: xenon.FileSystem, folder: Path, ground: Ground, mode: int, expected: bool) -> None:
    """Tell whether a file may be read, written and executed"""
    ground.run(f"echo >'{folder}/file'; chmod {mode:o} '{folder}/file'")
    found = filesystem.get_attributes(folder / "file")
    assert found.is_writable, "it is told as not to be written"
    assert found.is_readable, "it is told as not to be read"
    assert found.is_executable is expected, f"it is told as {'not ' if expected else ''}to be executed"


@pytest.mark.parametrize("path", ["missing", "missing/below", "file/below"])
def test_attributes_of_nothing(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, path: str) -> None:
    """Say that nothing is there to have attributes"""
    ground.run(f"echo >'{folder}/file'")
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / path):
        filesystem.get_attributes(folder / path)


# --- permissions ---


@pytest.mark.parametrize("permission", BITS, ids=lambda one: one.name.lower())
def test_permission(filesystem: xenon.FileSystem, folder: Path, ground: Ground, permission: PosixFilePermission) -> None:
    """Set each permission alone, and read it"""
    ground.run(f"echo >'{folder}/file'; chmod 666 '{folder}/file'")
    filesystem.set_posix_file_permissions(folder / "file", [permission])
    assert stat(ground, folder / "file", "%a") == f"{BITS[permission]:o}"
    assert mode_of(filesystem.get_attributes(folder / "file").permissions) == BITS[permission]


@pytest.mark.parametrize("mode", [0o000, 0o644, 0o751, 0o777], ids=lambda mode: f"{mode:03o}")
@pytest.mark.parametrize("there", ["file", "directory"])
def test_permissions(filesystem: xenon.FileSystem, folder: Path, ground: Ground, there: str, mode: int) -> None:
    """Set the permissions of a file and of a directory to exactly those given"""
    ground.run(f"cd '{folder}' && echo >file && mkdir directory")
    filesystem.set_posix_file_permissions(folder / there, [one for one, bit in BITS.items() if mode & bit])
    assert stat(ground, folder / there, "%a") == f"{mode:o}"
    assert mode_of(filesystem.get_attributes(folder / there).permissions) == mode


def test_no_permission(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Take the permission NONE for none"""
    ground.run(f"echo >'{folder}/file'")
    filesystem.set_posix_file_permissions(folder / "file", [PosixFilePermission.NONE, PosixFilePermission.OWNER_READ])
    assert stat(ground, folder / "file", "%a") == "400"


def test_permissions_through_a_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Follow a link when setting permissions"""
    ground.run(f"cd '{folder}' && echo >file && ln -s file link")
    filesystem.set_posix_file_permissions(folder / "link", [PosixFilePermission.OWNER_READ])
    assert stat(ground, folder / "file", "%a") == "400"


def test_permissions_of_nothing(filesystem: xenon.FileSystem, folder: Path, adaptor: str) -> None:
    """Refuse to set the permissions of what is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing"):
        filesystem.set_posix_file_permissions(folder / "missing", [PosixFilePermission.OWNER_READ])


# --- listings ---


def names(filesystem: xenon.FileSystem, folder: Path, recursive: bool = False) -> list[str]:
    return sorted(str(entry.path.relative_to(folder)) for entry in filesystem.list(folder, recursive))


@pytest.mark.parametrize("recursive", [False, True], ids=["alone", "recursive"])
def test_list_empty(filesystem: xenon.FileSystem, folder: Path, recursive: bool) -> None:
    """List an empty directory"""
    assert names(filesystem, folder, recursive) == []


def test_list(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """List a directory, with what is hidden, links and pipes, and without what is below"""
    ground.run(f"cd '{folder}' && echo >file && mkdir inner && echo >inner/deep && echo >.hidden && mkdir .git && ln -s inner link")
    ground.run(f"cd '{folder}' && ln -s nowhere dangling && mkfifo pipe")
    assert names(filesystem, folder) == [".git", ".hidden", "dangling", "file", "inner", "link", "pipe"]


def test_list_recursively(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """List a directory and all below it, and follow no link"""
    ground.run(f"cd '{folder}' && mkdir -p a/b a/empty .git && echo >a/b/file && echo >.git/HEAD && ln -s a to_a && ln -s .. a/up")
    assert names(filesystem, folder, recursive=True) == [".git", ".git/HEAD", "a", "a/b", "a/b/file", "a/empty", "a/up", "to_a"]


def test_list_tells_attributes(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """Give each entry of a listing the attributes that it has"""
    ground.run(f"cd '{folder}' && printf 12345 >file && mkdir inner && ln -s file link && chmod 640 file && echo >.hidden")
    listed = {entry.path.name: entry for entry in filesystem.list(folder)}
    assert set(listed) == {"file", "inner", "link", ".hidden"}
    fields = PathAttributes.__dataclass_fields__.keys() - {"last_access_time"}  # looking at a link may count as one
    for name, entry in listed.items():
        alone = filesystem.get_attributes(folder / name)
        assert {field: getattr(entry, field) for field in fields} == {field: getattr(alone, field) for field in fields}


def test_list_relative(place: Place, folder: Path, ground: Ground) -> None:
    """Give the entries of a listing absolute paths"""
    ground.run(f"cd '{folder}' && mkdir inner && echo >inner/file")
    with place.create(str(folder)) as filesystem:
        assert [entry.path for entry in filesystem.list("inner")] == [folder / "inner" / "file"]


def test_list_through_a_link(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """List the directory that a link points to"""
    ground.run(f"cd '{folder}' && mkdir inner && echo >inner/file && ln -s inner link")
    assert names(filesystem, folder / "link") == ["file"]


def test_list_many(filesystem: xenon.FileSystem, folder: Path, ground: Ground) -> None:
    """List 1,000 entries, and stop half-way"""
    ground.run(f"cd '{folder}' && seq 1000 | xargs touch")
    assert len(names(filesystem, folder)) == 1000
    entries = iter(filesystem.list(folder))
    assert next(entries).is_regular
    del entries
    assert len(names(filesystem, folder)) == 1000


@pytest.mark.parametrize("recursive", [False, True], ids=["alone", "recursive"])
def test_list_nothing(filesystem: xenon.FileSystem, folder: Path, adaptor: str, recursive: bool) -> None:
    """Refuse to list a directory that is missing"""
    with refused(NoSuchPathException, adaptor=adaptor, subject=folder / "missing"):
        list(filesystem.list(folder / "missing", recursive))


@pytest.mark.parametrize("recursive", [False, True], ids=["alone", "recursive"])
def test_list_a_file(filesystem: xenon.FileSystem, folder: Path, ground: Ground, adaptor: str, recursive: bool) -> None:
    """Refuse to list a file"""
    ground.run(f"echo >'{folder}/file'")
    with refused(InvalidPathException, adaptor=adaptor, subject=folder / "file"):
        list(filesystem.list(folder / "file", recursive))
