"""A real server for the tests of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyxenon_core.targets import GrpcEndpoint, open_target


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has the server below."""
    for item in items:
        if "endpoint" in getattr(item, "fixturenames", ()):
            item.add_marker("java")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[GrpcEndpoint]:
    """A running xenon-grpc server of this test run's own."""
    opened = open_target("java:")
    assert isinstance(opened, GrpcEndpoint)
    yield opened
    opened.close()
