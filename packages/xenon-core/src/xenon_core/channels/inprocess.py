"""A server inside this process: its servicers are called directly, and no message is encoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from typing_extensions import override

from xenon_core.channels.base import Channel
from xenon_core.errors import UnknownRpcException, XenonError, describe
from xenon_core.rpc import Rpc
from xenon_core.targets import InProcessEndpoint

__all__ = ["InProcessChannel"]

Request = TypeVar("Request")
Response = TypeVar("Response")


class InProcessChannel(Channel):
    """Calls the servicers of an endpoint on the event loop that asks."""

    def __init__(self, endpoint: InProcessEndpoint) -> None:
        self._servicers = endpoint.servicers

    @override
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        try:
            response: Response = await self._method(rpc)(request)
            return response
        except Exception as error:
            raise _told(error, rpc, request) from error

    @override
    async def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        try:
            async for response in self._method(rpc)(request):
                yield response
        except Exception as error:
            raise _told(error, rpc, request) from error

    @override
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        source = _Watched(requests)
        try:
            response: Response = await self._method(rpc)(source)
            return response
        except Exception as error:
            raise source.failure or _told(error, rpc, source.first) from error

    @override
    async def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        source = _Watched(requests)
        try:
            async for response in self._method(rpc)(source):
                yield response
        except Exception as error:
            raise source.failure or _told(error, rpc, source.first) from error

    @override
    async def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        async for response in self.unary_stream(rpc, request):
            yield response.buffer

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def close(self) -> None:
        """The servicers belong to the endpoint, which closes them."""

    def _method(self, rpc: Rpc[Any, Any]) -> Any:
        return getattr(getattr(self._servicers, rpc.service), rpc.name)


class _Watched(AsyncIterator[Any]):
    """A stream of requests that remembers its first, for messages, and its failure, which is the caller's own and not the server's."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests
        self.first: object = None
        self.failure: Exception | None = None

    async def __anext__(self) -> Any:
        try:
            request = await anext(self._requests)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        self.first = request if self.first is None else self.first
        return request


def _told(error: Exception, rpc: Rpc[Any, Any], request: object) -> XenonError:
    told = error if isinstance(error, XenonError) else UnknownRpcException(f"{type(error).__name__}: {error}")
    return describe(told, rpc.name, request)
