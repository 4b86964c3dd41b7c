"""What the tests of the storage servers share: curl, and patience."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from pyxenon_testing import ServerFactory
from pyxenon_testing.servers.server import Server

SECONDS_FOR_A_REQUEST = 60
SECONDS_UNTIL_IT_SERVES = 60
Curl = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def xenon_ftp(xenon_container: ServerFactory) -> Server:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("ftp", copy="broken-{worker}")


@pytest.fixture(scope="session")
def xenon_s3(xenon_container: ServerFactory) -> Server:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("s3", copy="broken-{worker}")


@pytest.fixture(scope="session")
def xenon_webdav(xenon_container: ServerFactory) -> Server:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("webdav", copy="broken-{worker}")


@pytest.fixture
def curl() -> Curl:
    """Runs curl as the account of a server, with the password on standard input and its own or another."""

    def run(server: Server, *arguments: str, password: str | None = None) -> subprocess.CompletedProcess[bytes]:
        login = f'user = "{server.username}:{server.password if password is None else password}"\n'
        command = ["curl", "--silent", "--show-error", "--config", "-", *arguments]
        return subprocess.run(command, input=login.encode(), capture_output=True, check=False, timeout=SECONDS_FOR_A_REQUEST)

    return run


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Tells whether something comes to hold soon."""

    def wait(holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + SECONDS_UNTIL_IT_SERVES
        while not (held := holds()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return held

    return wait
