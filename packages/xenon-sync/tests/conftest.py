"""A real session for the tests of the synchronous layer, on a server of this test run's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import xenon


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
