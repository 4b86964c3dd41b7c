"""Handles of file systems and schedulers: what they tell of themselves, and what becomes of them when they are closed."""

from __future__ import annotations

from typing import Any

import pytest

import xenon
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import ALL, FILES, JOBS, Place, needs
from conformance.servers import SERVERS
from pyxenon_core.errors import Status
from xenon import JobDescription, Path
from xenon.exceptions import FileSystemClosedException, InvalidPathException, NoSuchPathException, SchedulerClosedException

EACH_SERVER = pytest.mark.parametrize("server", [pytest.param(server, marks=needs(server)) for server in SERVERS])


def opened(place: Place) -> Any:
    return xenon.FileSystem.list_file_systems() if place.is_for_files else xenon.Scheduler.list_schedulers()


@ALL
def test_location(place: Place) -> None:
    """Tell the location as it was given"""
    with place.create() as handle:
        assert handle.get_location() == place.location, f"the location is told as {handle.get_location()!r}"


@ALL
def test_properties(place: Place) -> None:
    """Tell the properties that were given, and no others"""
    with place.create() as handle:
        assert handle.get_properties() == place.properties


@ALL
def test_independent_handles(place: Place) -> None:
    """Open two independent ones for the same arguments, list both, and forget them once closed"""
    with place.create() as one, place.create() as other:
        assert one != other
        assert {one, other} <= set(opened(place))
        one.close()
        assert one not in opened(place)
        assert other in opened(place)
        assert other.is_open()
    assert other not in opened(place)


@ALL
def test_closing_twice(place: Place) -> None:
    """Close twice"""
    handle = place.create()
    handle.close()
    handle.close()
    assert not handle.is_open()


@ALL
def test_closed_by_another(place: Place) -> None:
    """Notice that another handle of the same has closed it"""
    handle = place.create()
    other = next(one for one in opened(place) if one == handle)
    other.close()
    assert not handle.is_open()
    with refused(FileSystemClosedException if place.is_for_files else SchedulerClosedException, status=Status.NOT_FOUND):
        handle.get_adaptor_name()
    handle.close()


# --- file systems ---


@FILES
def test_separator(filesystem: xenon.FileSystem) -> None:
    """Tell the separator of paths"""
    assert filesystem.get_path_separator() == "/"


@FILES
def test_working_directory(place: Place, folder: Path) -> None:
    """Tell the working directory that the location names"""
    with place.create(str(folder)) as filesystem:
        assert filesystem.get_working_directory() == folder


@FILES
def test_home(place: Place, ground: Ground) -> None:
    """Tell an absolute working directory where the location names none: over ssh, the home"""
    with place.create() as filesystem:
        told = filesystem.get_working_directory()
    assert told.is_absolute()
    assert place.host is None or str(told) == ground.home, f"it is told as {told}"


@FILES
def test_change_of_working_directory(place: Place, folder: Path, ground: Ground) -> None:
    """Change the working directory, also by a relative path and through a link, and resolve paths against it"""
    ground.run(f"cd '{folder}' && mkdir -p a/b && echo >a/b/file && ln -s a link")
    with place.create() as filesystem:
        filesystem.set_working_directory(folder)
        assert filesystem.exists("a")
        filesystem.set_working_directory("a/b")
        assert filesystem.get_working_directory() == folder / "a" / "b"
        assert filesystem.exists("file")
        filesystem.set_working_directory(folder / "link")
        assert filesystem.exists("b/file")


@FILES
def test_own_working_directory(place: Place, folder: Path, ground: Ground) -> None:
    """Keep the working directory of each handle apart"""
    ground.run(f"mkdir '{folder}/a' '{folder}/b'")
    with place.create(f"{folder}/a") as one, place.create(f"{folder}/a") as other:
        one.set_working_directory(folder / "b")
        assert one.get_working_directory() == folder / "b"
        assert other.get_working_directory() == folder / "a"


@FILES
@pytest.mark.parametrize(("name", "kind"), [("missing", NoSuchPathException), ("file", InvalidPathException)], ids=["missing", "file"])
def test_bad_working_directory(place: Place, folder: Path, ground: Ground, name: str, kind: Any) -> None:
    """Refuse a working directory that is missing or none"""
    ground.run(f"echo >'{folder}/file'")
    with place.create(str(folder)) as filesystem:
        with refused(kind, adaptor=place.adaptor, subject=name):
            filesystem.set_working_directory(name)
        assert filesystem.get_working_directory() == folder


@FILES
def test_closed_file_system(place: Place, folder: Path) -> None:
    """Refuse to use a file system that is closed"""
    filesystem = place.create()
    filesystem.close()
    for use in (
        lambda: filesystem.exists(folder),
        lambda: list(filesystem.list(folder)),
        lambda: list(filesystem.read_from_file(folder / "file")),
        lambda: filesystem.write_to_file(folder / "file", b"content"),
        lambda: filesystem.get_working_directory(),
    ):
        with refused(FileSystemClosedException):
            use()


@EACH_SERVER
def test_local_file_systems(session: xenon.Session) -> None:
    """Open the file systems of this machine's drives"""
    drives = xenon.FileSystem.local_file_systems()
    assert [drive.get_adaptor_name() for drive in drives] == ["file"]
    assert drives[0].exists("/")
    assert drives[0] in xenon.FileSystem.list_file_systems()
    assert str(drives[0].get_location()) == "/", f"the location is told as {drives[0].get_location()!r}"
    drives[0].close()


# --- schedulers ---


@JOBS
def test_file_system_of_scheduler(place: Place, folder: Path) -> None:
    """Give the file system that a scheduler works in, the same each time"""
    with place.create(str(folder)) as scheduler:
        filesystem = scheduler.get_file_system()
        assert filesystem == scheduler.get_file_system()
        assert filesystem in xenon.FileSystem.list_file_systems()
        assert filesystem.get_adaptor_name() == ("file" if place.host is None else "sftp")
        assert filesystem.get_working_directory() == folder, f"its working directory is {filesystem.get_working_directory()}"
        filesystem.create_file("file")
        assert filesystem.exists(folder / "file")


@JOBS
def test_closed_scheduler(place: Place) -> None:
    """Refuse to use a scheduler that is closed"""
    scheduler = place.create()
    scheduler.close()
    for use in (
        lambda: scheduler.get_queue_names(),
        lambda: scheduler.get_jobs(),
        lambda: scheduler.submit_batch_job(JobDescription(executable="true")),
        lambda: scheduler.get_queue_statuses(),
        lambda: scheduler.get_file_system(),
    ):
        with refused(SchedulerClosedException):
            use()


@EACH_SERVER
def test_local_scheduler(session: xenon.Session) -> None:
    """Open the scheduler of this machine, anew each time"""
    with xenon.Scheduler.local_scheduler() as one, xenon.Scheduler.local_scheduler() as other:
        assert one.get_adaptor_name() == "local"
        assert one != other
        assert {one, other} <= set(xenon.Scheduler.list_schedulers())
        assert other.get_default_queue_name() == "single"
