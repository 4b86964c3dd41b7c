"""A real server for the tests of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyxenon_core.targets import GrpcEndpoint, open_target


@pytest.fixture(scope="session")
def endpoint() -> Iterator[GrpcEndpoint]:
    """A running xenon-grpc server of this test run's own."""
    opened = open_target("java:")
    assert isinstance(opened, GrpcEndpoint)
    yield opened
    opened.close()
