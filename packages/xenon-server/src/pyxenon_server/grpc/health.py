"""The service ``grpc.health.v1.Health``, which tells load balancers, container engines and people whether the server accepts calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pyxenon_core.wire import DecodeError, decode_with, put_bytes, read_varint, skip, varint

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["SERVICE", "Health", "Serving"]

SERVICE = "grpc.health.v1.Health"
WHOLE_SERVER = ""
_LENGTH = 2  # the wire type of length-delimited fields
_NAME = 1  # HealthCheckRequest.service
_STATUS = 1  # HealthCheckResponse.status
_STATUSES, _KEY, _VALUE = 1, 1, 2  # HealthListResponse.statuses, and the key and value of a map entry


class Serving(IntEnum):
    """The status of a service."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class Health:
    """Reports each of *services*, and the whole server under the empty name, as serving until :meth:`stop` is called.

    Create it in the server's event loop.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._names = [WHOLE_SERVER, *services]
        self._stopping = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the grpcio handler of the service."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check),
            "List": grpc.unary_unary_rpc_method_handler(self._list),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def stop(self) -> None:
        """Report from now on that nothing is served, and end the calls that watch after telling them so."""
        self._stopping.set()

    def status(self, name: str) -> Serving:
        """Return the current status of the service *name*."""
        if name not in self._names:
            return Serving.SERVICE_UNKNOWN
        return Serving.NOT_SERVING if self._stopping.is_set() else Serving.SERVING

    async def _check(self, request: bytes, context: Context) -> bytes:
        name = await _name_in(request, context)
        if (status := self.status(name)) is Serving.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {name!r}; the services are {', '.join(self._names[1:])}")
        return _status_field(_STATUS, status)

    async def _list(self, _: bytes, __: Context) -> bytes:
        entries = (
            _text_field(_KEY, name.encode()) + _text_field(_VALUE, _status_field(_STATUS, self.status(name))) for name in self._names
        )
        return b"".join(_text_field(_STATUSES, entry) for entry in entries)

    async def _watch(self, request: bytes, context: Context) -> None:
        name = await _name_in(request, context)
        told = self.status(name)
        await context.write(_status_field(_STATUS, told))
        await self._stopping.wait()
        if (status := self.status(name)) is not told:
            await context.write(_status_field(_STATUS, status))


async def _name_in(request: bytes, context: Context) -> str:
    try:
        return decode_with(_decode_name, request)
    except DecodeError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a HealthCheckRequest: {error.reason}")


def _decode_name(data: bytes, position: int, end: int) -> str:
    """Return the name in a ``HealthCheckRequest``; if the field is repeated the last one counts, as in protobuf."""
    name = WHOLE_SERVER
    while position < end:
        tag, start = read_varint(data, position)
        position = skip(data, start, tag)
        if position > end:
            raise DecodeError(f"field {tag >> 3} on the wire is cut off")
        if tag == _NAME << 3 | _LENGTH:
            name = data[read_varint(data, start)[1] : position].decode()
    return name


def _text_field(number: int, value: bytes) -> bytes:
    parts: list[bytes | memoryview] = []
    put_bytes(parts, varint(number << 3 | _LENGTH), value, f"field {number}")
    return b"".join(parts)


def _status_field(number: int, status: Serving) -> bytes:
    return varint(number << 3) + varint(status)
