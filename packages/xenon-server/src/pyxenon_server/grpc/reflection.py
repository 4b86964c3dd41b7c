"""The service ``ServerReflection``, with which grpcurl and the like learn the interface from the server itself.

It is that of the package grpcio-reflection, which comes with the extra ``reflection``: only who has it may import this module. That package
has the version ``v1alpha``; ``v1`` differs in nothing but its name, and is served by the same object.
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
    """Tells of *services* by name, and of what is in *files*: each one's serialised ``FileDescriptorProto``, by the file's name."""

    def __init__(self, services: Iterable[str], files: Mapping[str, bytes]) -> None:
        pool = _Symbols([*files.values(), *_own_files()])
        self._servicer: Any = aio.ReflectionServicer([*services, *SERVICES], pool=pool)  # type: ignore[no-untyped-call]  # it has no types

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What grpcio needs in order to serve both versions."""
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(self.answers)
        return tuple(grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler}) for service in SERVICES)

    async def answers(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """The responses to *requests*, all as they are on the wire; a request that is no message ends the call."""
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
    """What describes the service itself, in both versions."""
    alpha: bytes = reflection_pb2.DESCRIPTOR.serialized_pb
    words = text_format.MessageToString(FileDescriptorProto.FromString(alpha)).replace("v1alpha", "v1")
    return [alpha, text_format.Parse(words, FileDescriptorProto()).SerializeToString()]


class _Symbols:
    """A pool of descriptors that also finds methods, and names with a dot in front: clients ask for both, and protobuf's finds neither."""

    def __init__(self, files: Iterable[bytes]) -> None:
        self._pool: Any = DescriptorPool()
        for file in files:
            self._pool.AddSerializedFile(file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - as protobuf's pool has it
        """The file that declares *symbol*; raises KeyError."""
        name = symbol.removeprefix(".")
        try:
            file: FileDescriptor = self._pool.FindFileContainingSymbol(name)
        except KeyError:
            service, _, method = name.rpartition(".")
            file = self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file
        return file
