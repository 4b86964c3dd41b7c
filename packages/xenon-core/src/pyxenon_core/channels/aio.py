"""gRPC from an event loop, for the asynchronous API."""

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
    """A gRPC server, called from the event loop in which this was made."""

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
            # Shielded, since grpcio cancels a call whose task is cancelled, and nobody would learn what became of it.
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
        """Raise the exception for a call that failed. Closing the channel cancels the calls that run, which nobody else asked for."""
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
    """Sends a stream of requests, each when the one before it has left."""

    def __init__(self, rpc: Rpc[Any, Any], call: Any, requests: AsyncIterator[Any]) -> None:
        self._rpc = rpc
        self._call = call
        self._requests = requests
        self._began = False
        self.first: object = None

    def start(self) -> asyncio.Future[None]:
        """Begin to send, beside the call, so that its answer is heard while the source is silent; a source that fails ends the call."""
        sending = asyncio.ensure_future(self.send_all())
        sending.add_done_callback(lambda task: self._call.cancel() if not task.cancelled() and task.exception() else None)
        return sending

    async def is_accepted(self, sending: asyncio.Future[None], answer: asyncio.Future[bytes]) -> bool:
        """End the stream early, and tell whether the server answers that all is well: to a stream that had begun, not to an empty one."""
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        if not self._began:
            return False
        await self._until_refused(self._call.done_writing())
        done, _ = await asyncio.wait({answer}, timeout=SECONDS_FOR_AN_ANSWER)
        return bool(done) and not answer.cancelled() and answer.exception() is None

    async def send_all(self) -> None:
        """Send until the source ends or the server has answered; raises what the source raises."""
        async for request in self._requests:
            self.first = request if self.first is None else self.first
            if not await self._until_refused(self._send(self._rpc.encode_request(request))):
                return
            self._began = True
        await self._until_refused(self._call.done_writing())

    async def _until_refused(self, sending: Coroutine[Any, Any, None]) -> bool:
        """Whether the server still listens; what it said when it stopped is told by the call itself."""
        try:
            await sending
        except (asyncio.InvalidStateError, grpc.RpcError, grpc.aio.InternalError):
            return False
        return True

    async def _send(self, encoded: bytes) -> None:
        """Send a message beneath grpcio's ``write``, which gives a call that the server has just refused a status of its own making."""
        await self._call.wait_for_connection()
        beneath = getattr(self._call, "_cython_call", None)
        await (beneath.send_serialized_message(encoded) if beneath else self._call.write(encoded))


async def _answer(call: Any) -> bytes:
    answer: bytes = await call
    return answer


def _raise_failure(sending: asyncio.Future[None]) -> None:
    """Raise what the source of the requests raised, if it did."""
    if sending.done() and not sending.cancelled() and (error := sending.exception()):
        raise error
