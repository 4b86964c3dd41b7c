"""The released server, adaptor by adaptor; what it is known to fail at is in ``known_failures.toml``."""

from __future__ import annotations

from typing import Any

import pytest

FIXTURES = {"sftp": "xenon_ssh"}


def server_for(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that *adaptor* reaches."""
    return request.getfixturevalue(FIXTURES.get(adaptor, f"xenon_{adaptor}"))


@pytest.fixture
def server(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that the adaptor of the test reaches."""
    return server_for(request, adaptor)
