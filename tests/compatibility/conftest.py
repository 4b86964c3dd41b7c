"""The released server, adaptor by adaptor; what it is known to fail at is in ``known_failures.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from pyxenon_testing.client import Client
from pyxenon_testing.pytest_session import servers_of

FIXTURES = {"sftp": "xenon_ssh"}


def server_for(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that *adaptor* reaches."""
    found = request.getfixturevalue(FIXTURES.get(adaptor, f"xenon_{adaptor}"))
    return attrs.evolve(found, client=request.getfixturevalue("released"))


@pytest.fixture(scope="session")
def released_container(xenon_container: Any, released: Client) -> Any:
    """As ``xenon_container``, with servers that are reached through the released server.

    It has a name of its own: fixtures that share their servers with other tests would else be made with it, or without it, as it happens.
    """
    return lambda *arguments, **options: attrs.evolve(xenon_container(*arguments, **options), client=released)


@pytest.fixture(scope="session")
def released(pytestconfig: pytest.Config) -> Iterator[Client]:
    """A client of the released server, which knows the hosts of the servers in Docker."""
    client = Client("java:", servers_of(pytestconfig).client.home)
    yield client
    client.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that the adaptor of the test reaches."""
    return server_for(request, adaptor)
