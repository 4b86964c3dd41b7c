"""The service ``ServerReflection``, from which grpcurl and similar tools learn the server's interface.

It uses the package grpcio-reflection, which the extra ``reflection`` installs; without that, this module cannot be imported. The package
implements version ``v1alpha``; ``v1`` differs only in its name and is served by the same object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["SERVICES", "Reflection"]

SERVICES = (SERVICE_NAME.replace(".v1alpha.", ".v1."), SERVICE_NAME)


class Reflection:
    """Describes *services*, given by name, and *files*, given as serialised ``FileDescriptorProto`` by file name."""

    def __init__(self, services: Iterable[str], files: Mapping[str, bytes]) -> None:
        pool = _Symbols([*files.values(), *_own_files()])
        self._servicer: Any = aio.ReflectionServicer([*services, *SERVICES], pool=pool)  # type: ignore[no-untyped-call]  # the package has no types

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Return the grpcio handlers of both versions."""
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(self.answers)
        return tuple(grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler}) for service in SERVICES)

    async def answers(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """Yield the serialised responses to the serialised *requests*; a malformed request ends the call."""
        async for response in self._servicer.ServerReflectionInfo(_parsed(requests, context), context):
            response.valid_host = response.original_request.host
            yield response.SerializeToString()


async def _parsed(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
    async for request in requests:
        try:
            parsed = reflection_pb2.ServerReflectionRequest.FromString(request)
        except DecodeError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a ServerReflectionRequest: {error}")
        yield parsed


def _own_files() -> list[bytes]:
    """Return the file descriptors of the reflection service itself, in both versions."""
    alpha: bytes = reflection_pb2.DESCRIPTOR.serialized_pb
    words = text_format.MessageToString(FileDescriptorProto.FromString(alpha)).replace("v1alpha", "v1")
    return [alpha, text_format.Parse(words, FileDescriptorProto()).SerializeToString()]


class _Symbols:
    """A descriptor pool that also finds methods and names with a leading dot: clients ask for both, and protobuf's pool finds neither."""

    def __init__(self, files: Iterable[bytes]) -> None:
        self._pool: Any = DescriptorPool()
        for file in files:
            self._pool.AddSerializedFile(file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the name in protobuf's pool
        """Return the file that declares *symbol*; raises KeyError if there is none."""
        name = symbol.removeprefix(".")
        try:
            file: FileDescriptor = self._pool.FindFileContainingSymbol(name)
        except KeyError:
            service, _, method = name.rpartition(".")
            file = self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file
        return file
