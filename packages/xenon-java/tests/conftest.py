"""Fixtures: folders of the tests' own in place of the user's, and servers that several tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyxenon_java import ServerProcess, start_server

VARIABLES = ("XENON_GRPC_JAR", "XENON_JAVA", "XENON_START_TIMEOUT")


@pytest.fixture(scope="session", autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache and a state directory that begin empty; the first test that needs the jar fetches it for real."""
    home = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """A server over TLS on a free port, shared by the tests that do it no harm."""
    process = start_server()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def other_server() -> Iterator[ServerProcess]:
    """A second one, with keys of its own."""
    process = start_server()
    yield process
    process.stop()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which something listens that never says a word."""
    import socket

    with socket.socket() as stranger:
        stranger.bind(("", 0))
        stranger.listen()
        yield stranger.getsockname()[1]
