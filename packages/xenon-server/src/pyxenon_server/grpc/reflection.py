"""The service ``ServerReflection``, with which grpcurl and the like learn the interface from the server itself.

Its versions ``v1`` and ``v1alpha`` differ in nothing but their names. The descriptors that it hands out are rendered from ``protos/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pyxenon_core.wire import DecodeError
from pyxenon_server.grpc.wire_fields import fields_of, number_field, text_field, text_of

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["SERVICES", "Reflection"]

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")

# ServerReflectionRequest: the oneof message_request
_BY_FILENAME, _BY_SYMBOL, _BY_EXTENSION, _EXTENSION_NUMBERS, _LIST_SERVICES = 3, 4, 5, 6, 7
_ASKED = (_BY_FILENAME, _BY_SYMBOL, _BY_EXTENSION, _EXTENSION_NUMBERS, _LIST_SERVICES)
_HOST = 1
# ServerReflectionResponse
_VALID_HOST, _ORIGINAL_REQUEST, _FILES, _NUMBERS, _SERVICES, _ERROR = 1, 2, 4, 5, 6, 7
# Every other message of the service has what matters in its first field, and an error its words in its second.
_FIRST, _SECOND = 1, 2

# Where the names are in a descriptor: for each kind of thing, the fields that hold named things, and of which kind.
_NAME = 1
_PACKAGE = 2
_NAMED: Mapping[str, Mapping[int, str]] = {
    "file": {4: "message", 5: "enum", 6: "service"},
    "message": {2: "leaf", 3: "message", 4: "enum", 8: "leaf"},
    "enum": {2: "value"},
    "service": {2: "leaf"},
}


class Reflection:
    """Tells of *services* by name, and of what is in *files*: each one's serialised ``FileDescriptorProto``, by the file's name."""

    def __init__(self, services: tuple[str, ...], files: Mapping[str, bytes]) -> None:
        self._services = sorted(services)
        self._files = files
        self._file_of = {symbol: name for name, file in files.items() for symbol in symbols_of(file)}
        self._answers: Mapping[int, Callable[[int | bytes], bytes]] = {
            _BY_FILENAME: lambda asked: self._file(text_of(asked), text_of(asked)),
            _BY_SYMBOL: lambda asked: self._file(self._file_of.get(text_of(asked).removeprefix("."), ""), text_of(asked)),
            _BY_EXTENSION: lambda _: _missing("extension: proto3 has none"),
            _EXTENSION_NUMBERS: self._extension_numbers,
            _LIST_SERVICES: lambda _: self._list(),
        }

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What grpcio needs in order to serve both versions."""
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(self._converse)
        return tuple(grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler}) for service in SERVICES)

    def answer(self, request: bytes) -> bytes:
        """The response to a request, both as they are on the wire; raises :class:`~pyxenon_core.wire.DecodeError`."""
        fields = fields_of(request)
        host = next((value for number, value in reversed(fields) if number == _HOST), b"")
        asked = next(((number, value) for number, value in reversed(fields) if number in _ASKED), None)
        said = self._answers[asked[0]](asked[1]) if asked else _error(grpc.StatusCode.INVALID_ARGUMENT, "the request asks for nothing")
        return text_field(_VALID_HOST, text_of(host)) + text_field(_ORIGINAL_REQUEST, request) + said

    async def _converse(self, _: object, context: Context) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            try:
                await context.write(self.answer(request))
            except DecodeError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no ServerReflectionRequest: {error.reason}")

    def _file(self, name: str, asked: str) -> bytes:
        if name not in self._files:
            return _missing(repr(asked))
        return text_field(_FILES, text_field(_FIRST, self._files[name]))

    def _extension_numbers(self, asked: int | bytes) -> bytes:
        name = text_of(asked)
        return text_field(_NUMBERS, text_field(_FIRST, name)) if name in self._file_of else _missing(repr(name))

    def _list(self) -> bytes:
        return text_field(_SERVICES, b"".join(text_field(_FIRST, text_field(_FIRST, name)) for name in self._services))


def _missing(what: str) -> bytes:
    return _error(grpc.StatusCode.NOT_FOUND, f"this server knows no {what}")


def _error(code: grpc.StatusCode, words: str) -> bytes:
    return text_field(_ERROR, number_field(_FIRST, code.value[0]) + text_field(_SECOND, words))


def symbols_of(file: bytes) -> Iterator[str]:
    """The full name of everything that a serialised ``FileDescriptorProto`` declares."""
    package = next((text_of(value) for number, value in fields_of(file) if number == _PACKAGE), "")
    yield from _inside(file, "file", package)


def _inside(thing: bytes, kind: str, scope: str) -> Iterator[str]:
    for number, value in fields_of(thing):
        inner = _NAMED[kind].get(number)
        if inner is not None and isinstance(value, bytes):
            yield from _names_of(value, inner, scope)


def _names_of(thing: bytes, kind: str, scope: str) -> Iterator[str]:
    own = next(text_of(value) for number, value in fields_of(thing) if number == _NAME)
    # A value of an enumeration stands beside its enumeration, and not in it.
    parent = scope.rpartition(".")[0] if kind == "value" else scope
    name = f"{parent}.{own}" if parent else own
    yield name
    if kind in _NAMED:
        yield from _inside(thing, kind, name)
