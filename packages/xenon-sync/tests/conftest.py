"""A real session for the tests of the synchronous layer, on a server of this test run's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import xenon
from pyxenon import session as sessions


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has the session below."""
    for item in items:
        if "session" in getattr(item, "fixturenames", ()):
            item.add_marker("java")


@pytest.fixture(scope="module", autouse=True)
def _no_session_of_others() -> Iterator[None]:
    """Set aside the session that tests of other folders may have open in this process, and give it back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "_current", None)
        yield


@pytest.fixture(scope="module")
def session() -> Iterator[xenon.Session]:
    """The session that ``xenon.init()`` opens, for the tests of one module: a session that stays open is in the way of others."""
    with xenon.init(target="java:") as opened:
        yield opened


@pytest.fixture
def filesystem(session: xenon.Session) -> Iterator[xenon.FileSystem]:
    """The server's own file system."""
    with xenon.FileSystem.create("file") as created:
        yield created


@pytest.fixture
def scheduler(session: xenon.Session) -> Iterator[xenon.Scheduler]:
    """The server's own scheduler."""
    with xenon.Scheduler.create("local") as created:
        yield created


@pytest.fixture
def folder(tmp_path: Path) -> xenon.Path:
    """A fresh directory, as a path of the server's file system."""
    return xenon.Path(tmp_path.as_posix())
