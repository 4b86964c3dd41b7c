"""The channel to a server inside this process: its servicers are called directly, and nothing is encoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from typing_extensions import override

from pyxenon_core.channels.base import Channel
from pyxenon_core.checking import check_message
from pyxenon_core.errors import SessionClosedError, UnknownRpcException, XenonError, describe
from pyxenon_core.rpc import Rpc
from pyxenon_core.targets import InProcessEndpoint

__all__ = ["InProcessChannel"]

Request = TypeVar("Request")
Response = TypeVar("Response")
T = TypeVar("T")


class InProcessChannel(Channel):
    """Calls the servicers of an endpoint on their home event loop.

    A servicer receives the request object itself, which is checked but not encoded; streams are passed on as they come.
    """

    all_or_nothing = True

    def __init__(self, endpoint: InProcessEndpoint) -> None:
        self._servicers = endpoint.servicers
        self._home = endpoint.home
        self._open = True

    @override
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        check_message(request, rpc.request)
        try:
            response: Response = await self._home.call(self._method(rpc), request)
            return response
        except Exception as error:
            if (told := _told(error, rpc, request)) is error:
                raise  # an exception must not be its own cause
            raise told from error

    @override
    def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        return self._responses(rpc, request, lambda response: response)

    @override
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        source = _Watched(self, rpc, requests)
        try:
            response: Response = await self._home.call(self._method(rpc), self._home.bring(source))
            return response
        except Exception as error:
            if (told := source.failure or _told(error, rpc, source.first)) is error:
                raise  # an exception must not be its own cause
            raise told from error
        finally:
            await source.aclose()

    @override
    async def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        source = _Watched(self, rpc, requests)
        responses = self._home.iterate(self._method(rpc)(self._home.bring(source)))
        try:
            async for response in responses:
                yield response
                self.require_open()
        except Exception as error:
            if (told := source.failure or _told(error, rpc, source.first)) is error:
                raise  # an exception must not be its own cause
            raise told from error
        finally:
            try:
                await responses.aclose()
            finally:
                await source.aclose()

    @override
    def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        return self._responses(rpc, request, lambda response: response.buffer)

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def close(self) -> None:
        """Close the channel. The servicers belong to the endpoint, which closes them."""
        self._open = False

    def require_open(self) -> None:
        """Raise SessionClosedError if the channel is closed; running streams end with it."""
        if not self._open:
            raise SessionClosedError("the session was closed")

    async def _responses(self, rpc: Rpc[Request, Any], request: Request, take: Callable[[Any], T]) -> AsyncIterator[T]:
        """Yield what *take* returns for each response."""
        check_message(request, rpc.request)
        responses = self._home.iterate(self._method(rpc)(request))
        try:
            async for response in responses:
                yield take(response)
                if not self._open:  # checked inline, to save a call for each entry of a listing
                    self.require_open()
        except Exception as error:
            if (told := _told(error, rpc, request)) is error:
                raise  # an exception must not be its own cause
            raise told from error
        finally:
            await responses.aclose()

    def _method(self, rpc: Rpc[Any, Any]) -> Any:
        self.require_open()
        return getattr(getattr(self._servicers, rpc.service), rpc.name)


class _Watched(AsyncIterator[Any]):
    """A stream of requests that keeps its first request, for error messages, and its failure, which is the caller's, not the server's."""

    def __init__(self, channel: InProcessChannel, rpc: Rpc[Any, Any], requests: AsyncIterator[Any]) -> None:
        self._channel = channel
        self._rpc = rpc
        self._requests = requests
        self.first: object = None
        self.failure: Exception | None = None
        self._busy = False

    async def __anext__(self) -> Any:
        self._channel.require_open()
        self._busy = True
        try:
            request = await anext(self._requests)
            if self.first is None:
                self.first = request
                check_message(request, self._rpc.request)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._busy = False
        return request

    async def aclose(self) -> None:
        """Close the caller's stream, which may be a generator with open resources, unless its next item is still awaited."""
        close = getattr(self._requests, "aclose", None)
        if close is not None and not self._busy:
            await close()


def _told(error: Exception, rpc: Rpc[Any, Any], request: object) -> XenonError:
    told = error if isinstance(error, XenonError) else UnknownRpcException(f"{type(error).__name__}: {error}")
    return describe(told, rpc.name, request)
