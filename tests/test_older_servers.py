"""A server of an earlier release: its version is known, and a method that it lacks is refused in words that name both releases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyxenon_core
import xenon
from pyxenon_codegen.releases import find_jar, read_releases
from pyxenon_core.errors import MethodMissingError
from pyxenon_core.targets import GrpcEndpoint
from pyxenon_java.process import ServerProcess, start_server

pytestmark = pytest.mark.java

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def jar() -> Path:
    """The last release before 3.0.0."""
    return find_jar(read_releases(ROOT)["2.3.0"])


@pytest.fixture(scope="module")
def server(jar: Path) -> Iterator[ServerProcess]:
    process = start_server(jar=jar)
    yield process
    process.stop()


def test_of_a_server_that_was_started_the_release_is_known(jar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENON_GRPC_JAR", str(jar))
    with xenon.Session("java:") as session:
        assert session.release == "xenon-grpc 2.3.0"
        scheduler = session.portal.call(session.client.schedulers.create("local"))
        with pytest.raises(MethodMissingError) as caught:
            session.portal.call(scheduler.get_default_runtime())
    assert str(caught.value).startswith(
        "get_default_runtime failed: the server is xenon-grpc 2.3.0, and has no xenon.SchedulerService/getDefaultRuntime, which came with "
        "xenon-grpc 3.0.0; this SDK is made for xenon-grpc 3.0.1"
    ), str(caught.value)


def test_of_one_that_runs_elsewhere_as_much_as_its_methods_tell(server: ServerProcess) -> None:
    asyncio.run(_ask_the_older_one(server))


async def _ask_the_older_one(server: ServerProcess) -> None:
    async with await pyxenon_core.connect(GrpcEndpoint(server.address, server.keys)) as client:
        assert client.release == "xenon-grpc before 3.0.0"
        scheduler = await client.schedulers.create("local")
        with pytest.raises(
            MethodMissingError, match=r"is a release before xenon-grpc 3\.0\.0, and has no .*; this SDK is made for xenon-grpc 3"
        ):
            await scheduler.get_default_runtime()


def test_what_else_is_told_of_a_server() -> None:
    asyncio.run(_ask_others())


async def _ask_others() -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        assert client.release == f"xenon-server {pyxenon_core.__version__}"
    process = start_server()
    try:
        assert process.release == "xenon-grpc 3.0.1"
        async with await pyxenon_core.connect(GrpcEndpoint(process.address, process.keys)) as client:
            assert client.release == "xenon-grpc 3.0.0 or later"
    finally:
        process.stop()
