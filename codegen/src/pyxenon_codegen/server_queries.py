"""Ask a running server of any release about itself, with messages made from its own descriptor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from pyxenon_adaptor_docs.snapshot import facts_text
from pyxenon_codegen.errors import CodegenError

if TYPE_CHECKING:
    import grpc

    from pyxenon_core.targets import TlsKeys

_SERVICES = ("FileSystemService", "SchedulerService")
_METHOD = "getAdaptorDescriptions"
_SECONDS = 30
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))


def adaptors(address: str, keys: TlsKeys | None, file: FileDescriptorProto) -> str:
    """Return the text of ``adaptors.json`` for the server at *address* with the interface *file*; raises :class:`CodegenError`."""
    classes = _message_classes(file)
    with _channel(address, keys) as channel:
        filesystems, schedulers = (_descriptions(channel, file, service, classes) for service in _SERVICES)
    return facts_text(filesystems, schedulers)


def interface(address: str, keys: TlsKeys | None) -> FileDescriptorProto:
    """Return the interface of the server at *address*, read by gRPC reflection; raises :class:`CodegenError` if it has none."""
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"xenon.{_SERVICES[0]}")
    with _channel(address, keys) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[no-untyped-call]  # it has no types
        answer = _first(stub.ServerReflectionInfo(iter([request]), timeout=_SECONDS), address)
    for data in answer.file_descriptor_response.file_descriptor_proto:
        file = FileDescriptorProto.FromString(data)
        if any(service.name == _SERVICES[0] for service in file.service):
            return file
    raise CodegenError(f"the server at {address} has reflection, but no service xenon.{_SERVICES[0]}")


def _first(answers: Iterable[Any], address: str) -> Any:
    import grpc

    try:
        return next(iter(answers))
    except (grpc.RpcError, StopIteration) as error:
        details = error.details() if isinstance(error, grpc.Call) else "it sent no answer"
        raise CodegenError(
            f"the server at {address} does not tell its interface by reflection ({details}); give its jar instead"
        ) from error


def _descriptions(channel: grpc.Channel, file: FileDescriptorProto, service: str, classes: Mapping[str, Any]) -> list[Any]:
    """Return the adaptors of *service*: the only repeated field of the answer."""
    import grpc

    request, response = _types(file, service)
    call: Any = channel.unary_unary(
        f"/{file.package}.{service}/{_METHOD}",
        request_serializer=classes[request].SerializeToString,
        response_deserializer=classes[response].FromString,
    )
    try:
        answer = call(classes[request](), timeout=_SECONDS)
    except grpc.RpcError as error:
        details = error.details() if isinstance(error, grpc.Call) else error
        raise CodegenError(f"the server does not describe its adaptors ({service}/{_METHOD}): {details}") from error
    return [item for _, values in answer.ListFields() for item in values]


def _types(file: FileDescriptorProto, service: str) -> tuple[str, str]:
    for one in file.service:
        for rpc in one.method:
            if (one.name, rpc.name) == (service, _METHOD):
                return rpc.input_type.rpartition(".")[2], rpc.output_type.rpartition(".")[2]
    raise CodegenError(f"the interface has no {service}/{_METHOD}, which describes the adaptors")


def _message_classes(file: FileDescriptorProto) -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    prefix = f"{file.package}."
    return {one.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(prefix + one.name)) for one in file.message_type}


@contextmanager
def _channel(address: str, keys: TlsKeys | None) -> Iterator[grpc.Channel]:
    import grpc

    if keys is None:
        with grpc.insecure_channel(address, _OPTIONS) as channel:
            yield channel
        return
    credentials = grpc.ssl_channel_credentials(keys.root_certificates, keys.private_key, keys.certificate_chain)
    options = (*_OPTIONS, *((("grpc.ssl_target_name_override", keys.server_name),) if keys.server_name else ()))
    with grpc.secure_channel(address, credentials, options) as channel:
        yield channel
