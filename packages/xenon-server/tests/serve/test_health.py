"""gRPC's health service, asked by gRPC's own client of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pyxenon_server.grpc.health import SERVICE, Health, Serving

Running = Callable[[], contextlib.AbstractAsyncContextManager[Any]]
SERVING, NOT_SERVING, UNKNOWN = (
    health_pb2.HealthCheckResponse.ServingStatus.Value(name) for name in ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
)
NAMES = ["", "xenon.FileSystemService", "xenon.SchedulerService"]


def ask(name: str) -> Any:
    return health_pb2.HealthCheckRequest(service=name)


def test_the_numbers_are_those_of_grpc() -> None:
    theirs = dict(health_pb2.HealthCheckResponse.ServingStatus.items())
    assert theirs == {status.name: status.value for status in Serving}
    assert health_pb2.DESCRIPTOR.services_by_name["Health"].full_name == SERVICE


@pytest.mark.parametrize("name", NAMES)
def test_what_is_served_is_healthy(running: Running, name: str) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(ask(name))
            assert answer.status == SERVING

    asyncio.run(work())


def test_a_service_that_is_not_there_is_not_found(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health_pb2_grpc.HealthStub(channel).Check(ask("xenon.Other"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert "'xenon.Other'; the services are xenon.FileSystemService" in (caught.value.details() or "")

    asyncio.run(work())


def test_all_are_listed(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest())
            assert {name: status.status for name, status in answer.statuses.items()} == dict.fromkeys(NAMES, SERVING)

    asyncio.run(work())


@pytest.mark.parametrize(("name", "expected"), [("", [SERVING, NOT_SERVING]), (NAMES[1], [SERVING, NOT_SERVING]), ("other", [UNKNOWN])])
def test_who_watches_is_told_when_the_server_stops_and_does_not_hold_it_up(running: Running, name: str, expected: list[int]) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = health_pb2_grpc.HealthStub(channel).Watch(ask(name))
            seen: list[int] = []
            stopping: asyncio.Future[None] | None = None
            async for answer in call:
                seen.append(answer.status)
                stopping = stopping or asyncio.ensure_future(server.server.stop(600))
            assert stopping is not None
            await asyncio.wait_for(stopping, 60)
            assert seen == expected

    asyncio.run(work())


def test_who_watches_may_go(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = health_pb2_grpc.HealthStub(channel).Watch(ask(""))
            await call.read()
            call.cancel()
            assert (await health_pb2_grpc.HealthStub(channel).Check(ask(""))).status == SERVING

    asyncio.run(work())


def test_once_it_stops_nothing_is_healthy() -> None:
    async def work() -> None:
        health = Health(["a.B"])
        assert [health.status(name) for name in ("", "a.B", "c")] == [Serving.SERVING, Serving.SERVING, Serving.SERVICE_UNKNOWN]
        health.stop()
        assert [health.status(name) for name in ("", "a.B", "c")] == [Serving.NOT_SERVING, Serving.NOT_SERVING, Serving.SERVICE_UNKNOWN]

    asyncio.run(work())


@pytest.mark.parametrize("request_", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff"])
@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_a_request_that_is_no_message_is_refused(running: Running, request_: bytes, method: str) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            make = channel.unary_unary if method == "Check" else channel.unary_stream
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                call = make(f"/{SERVICE}/{method}")(request_)
                await (call if method == "Check" else call.read())
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    asyncio.run(work())
