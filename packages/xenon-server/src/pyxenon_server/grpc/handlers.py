"""Answer gRPC calls with a servicer: decode and encode the messages, turn errors into a status, and notice when the client leaves.

Every handler is a coroutine with grpcio's reader-writer interface, so that nothing is read before the servicer asks for it and nothing is
produced before the client can take it. When the client disconnects, the servicer's task is cancelled at its current await; a disconnected
client never looks like the normal end of a stream of requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote

import grpc
import grpc.aio
from typing_extensions import override

from pyxenon_core.errors import ConnectionLostException, IllegalArgumentException, Status, XenonError
from pyxenon_core.services import RPCS, Rpc, Servicers
from pyxenon_core.wire import DecodeError
from pyxenon_server.grpc.errors import to_status

__all__ = ["Calls", "handlers_of"]

T = TypeVar("T")
if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

# An error's details are sent in a header; clients accept 8 KiB of headers by default, and other headers need room too.
_MOST_DETAILS = 6000
_AS_IT_IS = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")  # unescaped in that header; any other byte takes three characters
# grpcio reports the end of a stream and the cancellation of its call as two events: measured 0.04 ms apart in the median, 2.4 ms at most.
_SECONDS_TO_SETTLE = 0.01
_SECONDS_UNTIL_CANCELLED = 5.0
# grpcio raises these when something is sent to a client that has disconnected.
_GONE = (grpc.aio.InternalError, grpc.aio.UsageError)
_CODES = {Status(code.value[0]): code for code in grpc.StatusCode}

_log = logging.getLogger("xenon.server")


class Calls:
    """The running calls. grpcio considers a cancelled call ended although its servicer may still be cleaning up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Add the current task, until it ends."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def ended(self, seconds: float) -> bool:
        """Wait at most *seconds* until all calls have ended; return True if they have."""
        _, left = await asyncio.wait(self._tasks, timeout=seconds) if self._tasks else ((), ())
        return not left


def handlers_of(servicers: Servicers, calls: Calls) -> tuple[grpc.GenericRpcHandler, ...]:
    """Return the grpcio handlers that serve every method of the interface with *servicers*; running calls are added to *calls*."""
    return tuple(
        grpc.method_handlers_generic_handler(service, {_parts(rpc)[1]: _handler(rpc, servicers, calls) for rpc in rpcs})
        for service, rpcs in groupby(RPCS.values(), key=lambda rpc: _parts(rpc)[0])
    )


def _parts(rpc: Rpc[Any, Any]) -> tuple[str, str]:
    _, service, method = rpc.path.split("/")
    return service, method


def _handler(rpc: Rpc[Any, Any], servicers: Servicers, calls: Calls) -> grpc.RpcMethodHandler[Any, Any]:
    method = _MethodHandler(rpc, getattr(getattr(servicers, rpc.service), rpc.name), calls)
    makers: dict[tuple[bool, bool], Callable[[], grpc.RpcMethodHandler[Any, Any]]] = {
        (False, False): lambda: grpc.unary_unary_rpc_method_handler(method.unary_unary),
        (False, True): lambda: grpc.unary_stream_rpc_method_handler(method.unary_stream),
        (True, False): lambda: grpc.stream_unary_rpc_method_handler(method.stream_unary),
        (True, True): lambda: grpc.stream_stream_rpc_method_handler(method.stream_stream),
    }
    return makers[rpc.client_streaming, rpc.server_streaming]()


class _MethodHandler:
    """Answers one method. It gets and gives bytes, so that decoding and encoding errors are reported like any other error."""

    def __init__(self, rpc: Rpc[Any, Any], serve: Callable[[Any], Any], calls: Calls) -> None:
        self._rpc = rpc
        self._serve = serve
        self._calls = calls

    async def unary_unary(self, request: bytes, context: Context) -> bytes:
        """Answer one request with one response."""
        return await self._watched(context, self._reply(request))

    async def unary_stream(self, request: bytes, context: Context) -> None:
        """Answer one request with a stream of responses."""
        await self._watched(context, self._send_all(context, lambda: self._decode(request)))

    async def stream_unary(self, _: object, context: Context) -> bytes:
        """Answer a stream of requests with one response."""
        return await self._watched(context, self._reply_to_stream(_Requests(self._decode, context, _require_client)))

    async def stream_stream(self, _: object, context: Context) -> None:
        """Answer a stream of requests with a stream of responses."""
        await self._watched(context, self._send_all(context, lambda: _Requests(self._decode, context, _settle)))

    async def _reply(self, request: bytes) -> bytes:
        return self._encode(await self._serve(self._decode(request)))

    async def _reply_to_stream(self, requests: _Requests) -> bytes:
        return self._encode(await self._serve(requests))

    async def _send_all(self, context: Context, asked: Callable[[], object]) -> None:
        responses: AsyncIterator[Any] = self._serve(asked())
        try:
            async for response in responses:
                await _write(context, self._encode(response))
        finally:
            if (close := getattr(responses, "aclose", None)) is not None:
                await close()

    async def _watched(self, context: Context, work: Awaitable[T]) -> T:
        """Await *work*, and report what it raises to the client, if that is still connected."""
        self._calls.begin()
        began = time.monotonic()
        try:
            answer = await work
        except XenonError as error:
            await self._refuse(context, *to_status(error))
        except asyncio.CancelledError:
            # Usually the client has disconnected and gets nothing; but if only the servicer was cancelled, the client would wait forever.
            await self._refuse(context, Status.CANCELLED, "the server cancelled the call", logging.DEBUG)
        except Exception as error:  # noqa: BLE001 - the log gets where it was raised, the client gets its kind
            _log.error("%s failed: %s\n%s", self._rpc.path, _kind_of(error), _frames_of(error))
            await self._refuse(context, Status.UNKNOWN, f"the server failed with {_kind_of(error)}; its log tells where")
        _log.debug("%s was answered in %.1f ms", self._rpc.path, (time.monotonic() - began) * 1000)
        return answer

    async def _refuse(self, context: Context, status: Status, details: str, level: int = logging.INFO) -> NoReturn:
        _log.log(level, "%s was answered with %s: %s", self._rpc.path, status.name, details)
        try:
            await context.abort(_CODES[status], _for_header(details))
        except _GONE:
            raise asyncio.CancelledError(f"the client of {self._rpc.path} has disconnected") from None

    def _decode(self, request: bytes) -> Any:
        try:
            return self._rpc.decode_request(request)
        except DecodeError as error:
            reason = f"cannot decode the request of {self._rpc.path}: {error.reason}"
            raise IllegalArgumentException(reason, status=Status.INVALID_ARGUMENT) from error

    def _encode(self, response: Any) -> bytes:
        try:
            return self._rpc.encode_response(response)
        except ValueError as error:  # such as a file name that is not Unicode, which the interface cannot represent
            raise XenonError(f"cannot send the answer: {error}", status=Status.INTERNAL) from error


async def _write(context: Context, message: bytes) -> None:
    try:
        await context.write(message)
    except _GONE:
        await _await_cancellation()


async def _require_client(context: Context) -> None:
    """Cancel the servicer if the requests ended because the client disconnected.

    The beginning of the answer can only be sent while the client is connected, so this is certain: a half-sent file never counts as whole.
    """
    try:
        await context.send_initial_metadata(())
    except _GONE:
        await _await_cancellation()


async def _await_cancellation() -> NoReturn:
    """Wait for the cancellation that follows: a servicer should learn of the disconnect once, not again while it cleans up."""
    await asyncio.sleep(_SECONDS_UNTIL_CANCELLED)
    raise ConnectionLostException("the client disconnected during the call")


async def _settle(_: Context) -> None:
    """Give a cancellation that belongs to the end of the requests time to arrive before that end is reported."""
    await asyncio.sleep(_SECONDS_TO_SETTLE)


class _Requests(AsyncIterator[Any]):
    """The requests of a stream, each read on demand."""

    def __init__(self, decode: Callable[[bytes], Any], context: Context, confirm_end: Callable[[Context], Awaitable[None]]) -> None:
        self._decode = decode
        self._context = context
        self._confirm_end = confirm_end
        self._ended = False

    @override
    async def __anext__(self) -> Any:
        if self._ended:
            raise StopAsyncIteration
        received = await self._context.read()
        if received is not grpc.aio.EOF:
            return self._decode(received)
        await self._confirm_end(self._context)
        self._ended = True
        raise StopAsyncIteration


def _for_header(details: str) -> str:
    """Return *details*, cut to fit into a header and then marked with an ellipsis."""
    text = kept = details.encode("utf-8", "backslashreplace").decode()
    while len(quote(kept, safe=_AS_IT_IS)) > _MOST_DETAILS:
        kept = kept[: len(kept) * 9 // 10]
    return text if kept is text else f"{kept} …"


def _kind_of(error: Exception) -> str:
    """Return an unexpected exception's type and the system's message. Its own message may contain a secret."""
    said = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{said}"


def _frames_of(error: BaseException | None) -> str:
    """Return where *error* and the exceptions that led to it were raised, without their messages."""
    stacks: Iterable[str] = ()
    while error is not None:
        stacks = (f"{type(error).__name__} was raised at:\n{''.join(traceback.format_tb(error.__traceback__)).rstrip()}", *stacks)
        error = error.__cause__ or error.__context__
    return "\n".join(stacks)
