"""Files, the way programs written for pyxenon 3 use them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import xenon
from xenon import CopyMode, CopyRequest, CopyStatus, PosixFilePermission
from xenon.exceptions import DirectoryNotEmptyException, NoSuchCopyException, NoSuchPathException, PathAlreadyExistsException


def test_where_it_is_and_how_it_was_made(session: xenon.Session) -> None:
    with xenon.FileSystem.create("file", "/tmp", {"xenon.adaptors.filesystems.file.bufferSize": "32K"}) as filesystem:
        assert filesystem.get_adaptor_name() == "file"
        assert filesystem.get_location() == "/tmp"
        assert filesystem.get_properties() == {"xenon.adaptors.filesystems.file.bufferSize": "32K"}
        assert isinstance(filesystem.get_credential(), xenon.DefaultCredential)
        assert filesystem.get_path_separator() == "/"
        assert filesystem.get_working_directory() == xenon.Path("/tmp")
        assert filesystem in xenon.FileSystem.list_file_systems()
    assert filesystem not in xenon.FileSystem.list_file_systems()


def test_the_adaptors_describe_themselves(session: xenon.Session) -> None:
    names = xenon.FileSystem.get_adaptor_names()
    described = xenon.FileSystem.get_adaptor_descriptions()
    assert sorted(names) == ["file", "ftp", "s3", "sftp", "webdav"] == sorted(description.name for description in described)
    sftp = xenon.FileSystem.get_adaptor_description("sftp")
    timeout = next(one for one in sftp.supported_properties if one.name.endswith("connection.timeout"))
    assert timeout.type == xenon.PropertyDescription.Type.NATURAL == xenon.PropertyDescription.NATURAL
    assert timeout.default_value == "10000"


def test_the_local_drives(session: xenon.Session) -> None:
    drives = xenon.FileSystem.local_file_systems()
    assert [drive.get_adaptor_name() for drive in drives] == ["file"]
    for drive in drives:
        drive.close()


def test_relative_paths_follow_the_working_directory(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.set_working_directory(folder)
    filesystem.create_directory("below")
    filesystem.create_file("below/file")
    assert filesystem.exists(folder / "below" / "file") is True
    assert [entry.path for entry in filesystem.list("below")] == [folder / "below" / "file"]


def test_making_linking_renaming_and_deleting(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.create_directories(folder / "a" / "b")
    filesystem.create_file(folder / "a" / "file")
    filesystem.create_symbolic_link(folder / "link", folder / "a" / "file")
    assert filesystem.read_symbolic_link(folder / "link") == folder / "a" / "file"
    filesystem.rename(folder / "a" / "file", folder / "a" / "renamed")
    assert sorted(entry.path.name for entry in filesystem.list(folder / "a")) == ["b", "renamed"]
    with pytest.raises(DirectoryNotEmptyException, match="delete '.*/a'"):
        filesystem.delete(folder / "a")
    filesystem.delete(folder / "a", recursive=True)
    assert not filesystem.exists(folder / "a")


def test_attributes_and_permissions(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.write_to_file(folder / "data", b"12345")
    wanted = [PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE]
    filesystem.set_posix_file_permissions(folder / "data", wanted)
    attributes = filesystem.get_attributes(folder / "data")
    assert set(attributes.permissions) == set(wanted)
    assert PosixFilePermission.OWNER_READ.value in attributes.permissions
    assert (attributes.size, attributes.is_regular, attributes.is_directory, attributes.is_hidden) == (5, True, False, False)
    assert attributes.path == folder / "data" and isinstance(attributes.path, xenon.Path)
    assert abs(attributes.last_modified_time - time.time() * 1000) < 60_000
    assert Path(folder / "data").stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError, match="permissions must be a list, not a single int"):
        filesystem.set_posix_file_permissions(folder / "data", 0o600)  # type: ignore[arg-type]  # the mistake under test


def test_listing_is_lazy_and_recursive(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.create_directories(folder / "x" / "y")
    filesystem.create_file(folder / "x" / "y" / "z")
    assert [entry.path for entry in filesystem.list(folder)] == [folder / "x"]
    assert {entry.path.name for entry in filesystem.list(folder, recursive=True)} == {"x", "y", "z"}
    assert isinstance(filesystem.list(folder), Iterator)


@pytest.mark.parametrize(
    "make",
    [
        lambda data: data,
        lambda data: [data[:3], data[3:]],
        lambda data: iter((data,)),
        lambda data: (bytes((byte,)) for byte in data[:100]),
        lambda data: bytearray(data),
        lambda data: memoryview(data),
        lambda data: io.BytesIO(data),
        lambda data: [b"", data, b""],
    ],
    ids=["bytes", "list", "iterator", "generator", "bytearray", "memoryview", "file", "empty pieces"],
)
def test_data_of_every_kind_arrives_whole(filesystem: xenon.FileSystem, folder: xenon.Path, make: object) -> None:
    data = os.urandom(100)
    filesystem.write_to_file(folder / "data", make(data))  # type: ignore[operator]  # one of the functions above
    assert b"".join(filesystem.read_from_file(folder / "data")) == data


def test_a_file_above_every_default_limit(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    data = os.urandom(9 << 20)
    filesystem.write_to_file(folder / "data", data)
    filesystem.append_to_file(folder / "data", [b"tail"])
    pieces = list(filesystem.read_from_file(folder / "data"))
    assert b"".join(pieces) == data + b"tail"
    assert max(map(len, pieces)) < 1 << 20, "the file was held in memory whole"


def test_copies_end_in_a_status_that_can_be_waited_for(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    Path(folder / "source").write_bytes(bytes(64 << 20))
    operation = filesystem.copy(folder / "source", filesystem, folder / "copy")
    status = filesystem.wait_until_done(operation)
    assert status.done and not status.running and status.error_type == CopyStatus.ErrorType.NONE
    assert status.bytes_copied == 64 << 20 == Path(folder / "copy").stat().st_size


@pytest.mark.parametrize("mode", [CopyMode.CREATE, CopyMode.REPLACE, CopyMode.IGNORE])
def test_what_a_copy_does_with_what_is_there(filesystem: xenon.FileSystem, folder: xenon.Path, mode: CopyMode) -> None:
    filesystem.write_to_file(folder / "new", b"new")
    filesystem.write_to_file(folder / "old", b"old")
    status = filesystem.wait_until_done(filesystem.copy(folder / "new", filesystem, folder / "old", mode=mode))
    expected = {CopyMode.CREATE: b"old", CopyMode.REPLACE: b"new", CopyMode.IGNORE: b"old"}[mode]
    assert Path(folder / "old").read_bytes() == expected
    assert (status.error_type == CopyStatus.ErrorType.ALREADY_EXISTS) is (mode is CopyMode.CREATE)


def test_the_names_of_copy_modes_are_all_one() -> None:
    assert CopyRequest.CREATE is CopyMode.CREATE is CopyRequest.CopyMode.CREATE
    assert (CopyRequest.REPLACE, CopyRequest.IGNORE) == (CopyMode.REPLACE, CopyMode.IGNORE)


def test_a_directory_is_copied_with_what_is_in_it(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.create_directories(folder / "tree" / "branch")
    filesystem.write_to_file(folder / "tree" / "branch" / "leaf", b"green")
    filesystem.wait_until_done(filesystem.copy(folder / "tree", filesystem, folder / "copy", recursive=True))
    assert Path(folder / "copy" / "branch" / "leaf").read_bytes() == b"green"


def test_a_copy_that_failed_says_why_and_one_that_is_forgotten_is_unknown(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    operation = filesystem.copy(folder / "missing", filesystem, folder / "copy")
    status = filesystem.wait_until_done(operation)
    assert status.error_type == CopyStatus.ErrorType.NOT_FOUND and "missing" in status.error_message
    with pytest.raises(NoSuchCopyException):
        filesystem.get_status(operation)


def test_a_copy_can_be_cancelled(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    os.truncate(os.open(folder / "source", os.O_CREAT | os.O_WRONLY), 8 << 30)
    operation = filesystem.copy(folder / "source", filesystem, folder / "copy")
    waited = filesystem.wait_until_done(operation, timeout=50)
    assert waited.running and not waited.done
    assert not filesystem.get_status(operation).done
    status = filesystem.cancel(operation)
    assert status.done and status.error_type == CopyStatus.ErrorType.CANCELLED


def test_what_is_missing_or_in_the_way_is_named(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    with pytest.raises(NoSuchPathException, match="get_attributes '.*/none'"):
        filesystem.get_attributes(folder / "none")
    with pytest.raises(NoSuchPathException, match="read_from_file '.*/none'"):
        next(filesystem.read_from_file(folder / "none"))
    filesystem.create_directory(folder / "there")
    with pytest.raises(PathAlreadyExistsException, match="create_directory '.*/there'"):
        filesystem.create_directory(folder / "there")


def test_two_handles_on_the_same_id_are_equal(session: xenon.Session, scheduler: xenon.Scheduler) -> None:
    one, two = scheduler.get_file_system(), scheduler.get_file_system()
    assert one == two and one is not two and hash(one) == hash(two)
    assert one != scheduler


def test_one_connection_serves_more_files_than_its_window_holds(filesystem: xenon.FileSystem, folder: xenon.Path) -> None:
    filesystem.write_to_file(folder / "part", bytes(900_000))
    assert [sum(map(len, filesystem.read_from_file(folder / "part"))) for _ in range(12)] == [900_000] * 12


def test_a_destination_that_is_no_file_system_is_named(filesystem: xenon.FileSystem, scheduler: xenon.Scheduler) -> None:
    with pytest.raises(TypeError, match="destination_filesystem must be a file system or scheduler of this session, not str"):
        filesystem.copy("/a", "file", "/b")  # type: ignore[arg-type]  # the mistake under test


def test_what_went_wrong_inside_a_with_is_what_comes_out(session: xenon.Session) -> None:
    with pytest.raises(LookupError, match="inside"), xenon.FileSystem.create("file") as filesystem:
        session.portal.call(session.client.filesystems.get_adaptor_names())
        assert filesystem.id
        filesystem.core._handle.id = "of nobody"
        raise LookupError("inside")


INTERRUPTED = """
    import os, sys, time, xenon

    def endless():
        for number in range(10_000):
            yield b"more and more"
            time.sleep(0.01)
            if number == 50 or os.path.exists(sys.argv[1]):
                print("writing", flush=True)

    with xenon.init(target=sys.argv[2]), xenon.FileSystem.create("file") as files:
        try:
            files.write_to_file(sys.argv[1], endless())
        except KeyboardInterrupt:
            print("interrupted", os.path.exists(sys.argv[1]), flush=True)
"""


@pytest.mark.parametrize("target", ["embedded:", pytest.param("java:", marks=pytest.mark.java)])
def test_ctrl_c_in_a_write_leaves_no_half_file(tmp_path: Path, target: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(tmp_path / "half"), target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "writing\n"
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=60)[0].splitlines()[-1] == "interrupted False"
        assert program.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_create_takes_and_refuses(session: xenon.Session, tmp_path: Path) -> None:
    with xenon.FileSystem.create("file", tmp_path) as here:  # type: ignore[arg-type]  # a path works as well, though the name says text
        assert here.get_location() == str(tmp_path)
    credential = xenon.PasswordCredential(username="ada", password="secret")
    with pytest.raises(
        TypeError, match=r"properties must be a mapping such as a dict, not PasswordCredential; pass other arguments by name"
    ):
        xenon.FileSystem.create("file", "/", credential)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match="adaptor must be a str, not NoneType"):
        xenon.FileSystem.create(None)  # type: ignore[arg-type]  # wrong on purpose
