"""The gRPC channel of the synchronous API, which works in the calling thread.

Passing each call to an event loop in another thread and back costs a quarter of a call over loopback; here the caller waits in
gRPC itself. The coroutines of this channel never suspend: :func:`~pyxenon_core.driving.drive` runs them without a loop.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import grpc
from typing_extensions import override

from pyxenon_core.channels.base import SECONDS_FOR_AN_ANSWER, Channel, note_accepted
from pyxenon_core.channels.calls import channel_arguments, failure_of, gone
from pyxenon_core.channels.framing import MessageReader, PayloadReader
from pyxenon_core.channels.http2 import BlockingStreams
from pyxenon_core.driving import drive_next
from pyxenon_core.rpc import Rpc
from pyxenon_core.targets import GrpcEndpoint

__all__ = ["BlockingGrpcChannel"]

Request = TypeVar("Request")
Response = TypeVar("Response")


class BlockingGrpcChannel(Channel):
    """A channel to a gRPC server that works in the calling thread. Safe to use from several threads at once."""

    blocking = True

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        address, credentials, options = channel_arguments(endpoint)
        self._channel = grpc.secure_channel(address, credentials, options) if credentials else grpc.insecure_channel(address, options)
        self._callables: dict[str, Callable[..., Any]] = {}
        self._streams = BlockingStreams(endpoint)
        self._open = True

    @override
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        try:
            return rpc.decode_response(self._callable(rpc)(rpc.encode_request(request)))
        except grpc.RpcError as error:
            raise self._failure(error, rpc, request) from error
        except ValueError as error:
            raise self._closed_or(error, rpc, request) from error

    @override
    async def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        for encoded in self._streams.read(rpc, request, MessageReader(rpc.name)):
            yield rpc.decode_response(encoded)

    @override
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        outgoing = _Outgoing(rpc, requests)
        call = self._begin(rpc, None, outgoing, "future")
        try:
            response = rpc.decode_response(call.result())
            outgoing.raise_failure()
            return response
        except grpc.RpcError as error:
            outgoing.raise_failure()
            raise self._failure(error, rpc, outgoing.first) from error
        except KeyboardInterrupt as interrupt:
            outgoing.stop()
            # The server accepts a stream that has not started as an empty one, which says nothing about the data.
            if outgoing.first is not None and _is_accepted(call):
                note_accepted(interrupt)
            raise
        finally:
            call.cancel()

    @override
    async def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        outgoing = _Outgoing(rpc, requests)
        call = self._begin(rpc, None, outgoing)
        try:
            for encoded in call:
                yield rpc.decode_response(encoded)
            outgoing.raise_failure()
        except grpc.RpcError as error:
            outgoing.raise_failure()
            raise self._failure(error, rpc, outgoing.first) from error
        finally:
            call.cancel()

    @override
    async def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        for piece in self._streams.read(rpc, request, PayloadReader(rpc.name)):
            yield piece

    @override
    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - this channel blocks by design

    @override
    async def close(self) -> None:
        self._open = False
        self._streams.close()
        self._channel.close()

    def _callable(self, rpc: Rpc[Any, Any]) -> Callable[..., Any]:
        known = self._callables.get(rpc.path)
        if known is None:
            kinds: dict[tuple[bool, bool], Callable[[str], Any]] = {
                (False, False): self._channel.unary_unary,
                (True, False): self._channel.stream_unary,
                (True, True): self._channel.stream_stream,
            }
            known = self._callables[rpc.path] = kinds[rpc.client_streaming, rpc.server_streaming](rpc.path)
        return known

    def _begin(self, rpc: Rpc[Any, Any], request: object, encoded: object, how: str = "__call__") -> Any:
        try:
            return getattr(self._callable(rpc), how)(encoded)
        except ValueError as error:
            raise self._closed_or(error, rpc, request) from error

    def _failure(self, error: grpc.RpcError, rpc: Rpc[Any, Any], request: object) -> Exception:
        """Return the exception for a failed call. grpcio reports calls as cancelled that run while the channel is closed."""
        cancelled = error.code() is grpc.StatusCode.CANCELLED
        return gone(rpc, request) if cancelled and not self._open else failure_of(error, self._endpoint, rpc, request)

    def _closed_or(self, error: ValueError, rpc: Rpc[Any, Any], request: object) -> Exception:
        """Return the exception for *error*: grpcio raises a bare ValueError for a call on a closed channel."""
        return gone(rpc, request) if "closed" in str(error).lower() else error


def _is_accepted(call: Any) -> bool:
    """Return True if the server accepts a stream of requests that has just been ended early."""
    try:
        call.result(timeout=SECONDS_FOR_AN_ANSWER)
    except (grpc.RpcError, grpc.FutureTimeoutError):
        return False
    return True


class _Outgoing(Iterator[bytes]):
    """The encoded requests, which gRPC consumes in a thread of its own.

    gRPC would log an exception of the source and drop it. So the stream ends instead, and the caller that waits for the call raises it.
    """

    def __init__(self, rpc: Rpc[Any, Any], requests: AsyncIterator[Any]) -> None:
        self._rpc = rpc
        self._requests = requests
        self._failure: Exception | None = None
        self._stopped = False
        self.first: object = None

    def stop(self) -> None:
        """End the stream after the current request."""
        self._stopped = True

    def __next__(self) -> bytes:
        if self._stopped:
            raise StopIteration
        try:
            request = drive_next(self._requests)
            self.first = request if self.first is None else self.first
            return self._rpc.encode_request(request)
        except StopAsyncIteration:
            raise StopIteration from None
        except Exception as error:  # noqa: BLE001 - kept, and raised by raise_failure
            self._failure = error
            raise StopIteration from None

    def raise_failure(self) -> None:
        """Raise the exception of the source of the requests, if there was one."""
        if self._failure is not None:
            raise self._failure
