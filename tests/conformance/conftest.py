"""The servers, places and handles of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import xenon
from conformance.grounds import Ground, LocalGround, fresh_folder
from conformance.overrunning import Overrunning
from conformance.places import Place, Places
from conformance.servers import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers, each started when a test first wants it."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def places(servers: Servers, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Every adaptor on every server."""
    every = Places(servers, LocalGround(tmp_path_factory.mktemp("files")), request.getfixturevalue)
    yield every
    every.close()


@pytest.fixture
def session(servers: Servers, server: str, monkeypatch: pytest.MonkeyPatch) -> xenon.Session:
    """The session on the server of the test, as if :func:`xenon.init` had just opened it."""
    opened = servers.session(server)
    monkeypatch.setattr("pyxenon.session._current", opened)
    return opened


@pytest.fixture
def place(places: Places, session: xenon.Session, server: str, adaptor: str) -> Place:
    """The adaptor of the test on its server."""
    return places.get(server, adaptor)


@pytest.fixture
def ground(place: Place) -> Ground:
    """The machine behind the adaptor of the test."""
    return place.ground


@pytest.fixture
def handle(places: Places, place: Place) -> Any:
    """The file system or scheduler that tests share."""
    return places.handle(place)


@pytest.fixture
def filesystem(handle: Any) -> xenon.FileSystem:
    """The file system that tests share, which none may close or change."""
    assert isinstance(handle, xenon.FileSystem)
    return handle


@pytest.fixture(scope="session")
def overrunning(servers: Servers) -> Iterator[Overrunning]:
    """The jobs that run into their time limits."""
    jobs = Overrunning()
    yield jobs
    jobs.close()


@pytest.fixture
def scheduler(handle: Any, overrunning: Overrunning, place: Place) -> xenon.Scheduler:
    """The scheduler that tests share, which none may close."""
    assert isinstance(handle, xenon.Scheduler)
    overrunning.begin(place)
    return handle


@pytest.fixture
def folder(ground: Ground) -> Iterator[xenon.Path]:
    """A new directory on the machine behind the adaptor."""
    with fresh_folder(ground) as path:
        yield xenon.Path(path)
