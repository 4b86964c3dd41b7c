"""A server inside this process: its servicers are called directly, and no message is sent anywhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

from typing_extensions import override

from xenon_core.channels.base import Channel
from xenon_core.driving import in_calling_thread, to_a_loop
from xenon_core.errors import SessionClosedError, UnknownRpcException, XenonError, describe
from xenon_core.rpc import Rpc
from xenon_core.streams import Requests
from xenon_core.targets import InProcessEndpoint

__all__ = ["InProcessChannel"]

Request = TypeVar("Request")
Response = TypeVar("Response")


class InProcessChannel(Channel):
    """Calls the servicers of an endpoint on the event loop where they are at home.

    What a servicer can answer anywhere is answered in the thread of a caller who waits for it: the way to the loop and back, and what the
    system takes to wake two threads, is longer than most calls about a file of this machine.

    Requests are encoded to check them, which finds the same mistakes that any other channel does; what is called gets the request itself.
    """

    all_or_nothing = True

    def __init__(self, endpoint: InProcessEndpoint) -> None:
        self._servicers = endpoint.servicers
        self._home = endpoint.home
        self._answers_anywhere = endpoint.answers_anywhere
        self._open = True

    @override
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        rpc.encode_request(request)
        try:
            return await self._answered(rpc, request)
        except Exception as error:
            if (told := _told(error, rpc, request)) is error:
                raise  # never as its own cause, which would be a circle
            raise told from error

    @override
    async def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        rpc.encode_request(request)
        responses = await self._answers(rpc, request)
        try:
            async for response in responses:
                yield response
                if not self._open:  # before the call, which would be one for each entry of a listing
                    self.require_open()
        except Exception as error:
            if (told := _told(error, rpc, request)) is error:
                raise  # as above
            raise told from error
        finally:
            await responses.aclose()

    @override
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        source = _Watched(self, rpc, requests)
        try:
            return await self._taken(rpc, requests, source)
        except Exception as error:
            if (told := source.failure or _told(error, rpc, source.first)) is error:
                raise  # never as its own cause, which would be a circle
            raise told from error
        finally:
            await source.aclose()

    @override
    async def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await self._leave_calling_thread()
        source = _Watched(self, rpc, requests)
        responses = self._home.iterate(self._method(rpc)(self._home.bring(source)))
        try:
            async for response in responses:
                yield response
                self.require_open()
        except Exception as error:
            if (told := source.failure or _told(error, rpc, source.first)) is error:
                raise  # never as its own cause, which would be a circle
            raise told from error
        finally:
            try:
                await responses.aclose()
            finally:
                await source.aclose()

    @override
    async def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        responses: AsyncGenerator[Any, None] = self.unary_stream(rpc, request)  # type: ignore[assignment]  # a generator, known as an iterator
        try:
            async for response in responses:
                yield response.buffer
        finally:
            await responses.aclose()

    @override
    async def sleep(self, seconds: float) -> None:
        await self._leave_calling_thread()
        await asyncio.sleep(seconds)

    @override
    async def close(self) -> None:
        """The servicers belong to the endpoint, which closes them."""
        self._open = False

    def require_open(self) -> None:
        """Raise SessionClosedError once the channel is closed, which ends the streams that are under way, too."""
        if not self._open:
            raise SessionClosedError("the session was closed")

    async def _answered(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        method = self._method(rpc)
        if self._is_answered_here(rpc, request):
            here: Response = await method(request)
            return here
        await self._leave_calling_thread()
        response: Response = await self._home.call(method, request)
        return response

    async def _answers(self, rpc: Rpc[Request, Response], request: Request) -> AsyncGenerator[Response, None]:
        method = self._method(rpc)
        if self._is_answered_here(rpc, request):
            here: AsyncGenerator[Response, None] = method(request)
            return here
        await self._leave_calling_thread()
        return self._home.iterate(method(request))

    async def _taken(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request], source: _Watched) -> Response:
        method = self._method(rpc)
        if isinstance(requests, Requests) and not requests.needs_loop and self._is_answered_here(rpc, requests.head):
            here: Response = await method(source)
            return here
        await self._leave_calling_thread()
        response: Response = await self._home.call(method, self._home.bring(source))
        return response

    def _is_answered_here(self, rpc: Rpc[Any, Any], head: object) -> bool:
        return in_calling_thread() and self._answers_anywhere(rpc, head)

    async def _leave_calling_thread(self) -> None:
        if in_calling_thread():
            await to_a_loop()
            self.require_open()  # it may have been closed on the way

    def _method(self, rpc: Rpc[Any, Any]) -> Any:
        self.require_open()
        return getattr(getattr(self._servicers, rpc.service), rpc.name)


class _Watched(AsyncIterator[Any]):
    """A stream of requests that remembers its first, for messages, and its failure, which is the caller's own and not the server's."""

    def __init__(self, channel: InProcessChannel, rpc: Rpc[Any, Any], requests: AsyncIterator[Any]) -> None:
        self._channel = channel
        self._rpc = rpc
        self._requests = requests
        self.first: object = None
        self.failure: Exception | None = None
        self._busy = False
        self._process = os.getpid()

    async def __anext__(self) -> Any:
        self._channel.require_open()
        self._busy = True
        try:
            request = await anext(self._requests)
            self._require_process()
            if self.first is None:
                self.first = request
                self._rpc.encode_request(request)
        except StopAsyncIteration:
            self._require_process()
            raise
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._busy = False
        return request

    def _require_process(self) -> None:
        """What is written belongs to the process that has begun it, and not to one that the source has forked."""
        if os.getpid() != self._process:
            raise SessionClosedError("the session belongs to the process that this one was forked from")

    async def aclose(self) -> None:
        """End the caller's stream, which may be a generator that has things open, unless somebody still waits for its next item."""
        close = getattr(self._requests, "aclose", None)
        if close is not None and not self._busy:
            await close()


def _told(error: Exception, rpc: Rpc[Any, Any], request: object) -> XenonError:
    told = error if isinstance(error, XenonError) else UnknownRpcException(f"{type(error).__name__}: {error}")
    return describe(told, rpc.name, request)
