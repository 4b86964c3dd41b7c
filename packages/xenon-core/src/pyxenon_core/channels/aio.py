"""The gRPC channel of the asynchronous API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio
from typing_extensions import override

from pyxenon_core.channels.base import SECONDS_FOR_AN_ANSWER, Channel, note_accepted
from pyxenon_core.channels.calls import channel_arguments, failure_of, gone
from pyxenon_core.channels.framing import MessageReader, PayloadReader
from pyxenon_core.channels.http2 import AsyncStreams
from pyxenon_core.rpc import Rpc
from pyxenon_core.targets import GrpcEndpoint

__all__ = ["GrpcChannel"]

Request = TypeVar("Request")
Response = TypeVar("Response")


class GrpcChannel(Channel):
    """A channel to a gRPC server, for the event loop it was created in."""

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        address, credentials, options = channel_arguments(endpoint)
        self._channel = (
            grpc.aio.secure_channel(address, credentials, options) if credentials else grpc.aio.insecure_channel(address, options=options)
        )
        self._callables: dict[str, Callable[..., Any]] = {}
        self._streams = AsyncStreams(endpoint)
        self._open = True

    @override
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        try:
            return rpc.decode_response(await self._callable(rpc, request)(rpc.encode_request(request)))
        except (grpc.RpcError, asyncio.CancelledError) as error:
            self._raise(error, rpc, request)

    @override
    async def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        async for encoded in self._streams.read(rpc, request, MessageReader(rpc.name)):
            yield rpc.decode_response(encoded)

    @override
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        call = self._callable(rpc, None)()
        sender = _Sender(rpc, call, requests)
        sending = sender.start()
        answer = asyncio.ensure_future(_answer(call))
        try:
            # Shielded: grpcio cancels a call whose task is cancelled, and its outcome would be lost.
            return rpc.decode_response(await asyncio.shield(answer))
        except (grpc.RpcError, asyncio.CancelledError) as error:
            _raise_failure(sending)
            if self._open and isinstance(error, asyncio.CancelledError) and await sender.is_accepted(sending, answer):
                note_accepted(error)
            self._raise(error, rpc, sender.first)
        finally:
            sending.cancel()
            call.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    @override
    async def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        call = self._callable(rpc, None)()
        sender = _Sender(rpc, call, requests)
        sending = sender.start()
        try:
            async for encoded in call:
                yield rpc.decode_response(encoded)
        except (grpc.RpcError, asyncio.CancelledError) as error:
            _raise_failure(sending)
            self._raise(error, rpc, sender.first)
        finally:
            sending.cancel()
            call.cancel()

    @override
    def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        return self._streams.read(rpc, request, PayloadReader(rpc.name))

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def close(self) -> None:
        self._open = False
        await self._streams.close()
        await self._channel.close()

    def _raise(self, error: grpc.RpcError | asyncio.CancelledError, rpc: Rpc[Any, Any], request: object) -> NoReturn:
        """Raise the exception for a failed call. A cancellation after the channel was closed was caused by the close."""
        if not self._open:
            raise gone(rpc, request) from error
        if isinstance(error, asyncio.CancelledError):
            raise error
        raise failure_of(error, self._endpoint, rpc, request) from error

    def _callable(self, rpc: Rpc[Any, Any], request: object) -> Callable[..., Any]:
        if not self._open:
            raise gone(rpc, request)
        known = self._callables.get(rpc.path)
        if known is None:
            kinds: dict[tuple[bool, bool], Callable[[str], Any]] = {
                (False, False): self._channel.unary_unary,
                (True, False): self._channel.stream_unary,
                (True, True): self._channel.stream_stream,
            }
            known = self._callables[rpc.path] = kinds[rpc.client_streaming, rpc.server_streaming](rpc.path)
        return known


class _Sender:
    """Sends a stream of requests, each one after the previous one has left."""

    def __init__(self, rpc: Rpc[Any, Any], call: Any, requests: AsyncIterator[Any]) -> None:
        self._rpc = rpc
        self._call = call
        self._requests = requests
        self._began = False
        self.first: object = None

    def start(self) -> asyncio.Future[None]:
        """Start sending in a task of its own, so that an answer is received while the source is silent. A failing source ends the call."""
        sending = asyncio.ensure_future(self.send_all())
        sending.add_done_callback(lambda task: self._call.cancel() if not task.cancelled() and task.exception() else None)
        return sending

    async def is_accepted(self, sending: asyncio.Future[None], answer: asyncio.Future[bytes]) -> bool:
        """End the stream early; return True if at least one request was sent and the server accepts what it received."""
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        if not self._began:
            return False
        await self._until_refused(self._call.done_writing())
        done, _ = await asyncio.wait({answer}, timeout=SECONDS_FOR_AN_ANSWER)
        return bool(done) and not answer.cancelled() and answer.exception() is None

    async def send_all(self) -> None:
        """Send until the source ends or the server has answered. Exceptions of the source are passed on."""
        async for request in self._requests:
            self.first = request if self.first is None else self.first
            if not await self._until_refused(self._send(self._rpc.encode_request(request))):
                return
            self._began = True
        await self._until_refused(self._call.done_writing())

    async def _until_refused(self, sending: Coroutine[Any, Any, None]) -> bool:
        """Return True if the server still accepts requests. If not, the call itself has the reason."""
        try:
            await sending
        except (asyncio.InvalidStateError, grpc.RpcError, grpc.aio.InternalError):
            return False
        return True

    async def _send(self, encoded: bytes) -> None:
        """Send a message without grpcio's ``write``, which replaces the status of a call that the server has just refused."""
        await self._call.wait_for_connection()
        beneath = getattr(self._call, "_cython_call", None)
        await (beneath.send_serialized_message(encoded) if beneath else self._call.write(encoded))


async def _answer(call: Any) -> bytes:
    answer: bytes = await call
    return answer


def _raise_failure(sending: asyncio.Future[None]) -> None:
    """Raise the exception of the source of the requests, if there was one."""
    if sending.done() and not sending.cancelled() and (error := sending.exception()):
        raise error
