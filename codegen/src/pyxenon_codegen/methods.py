"""The rules that turn an RPC into a Python method.

- The *handle* of a service is what its ``create`` returns. An RPC whose request is the handle, or has a field of that type, is a method
  of the handle (the first such field is ``self``); any other is static.
- Every other field of the request is a parameter, in the order of the field numbers, those without a default first. Booleans, numbers,
  enumerations, maps and members of a oneof may be left out.
- In a streamed request the bytes field is the stream; the other fields go with the first message.
- A response with a single field is unwrapped to it, unless it identifies something (its field is ``id``); one whose only members are a
  oneof is unwrapped to the member that is set; an empty one is None.
- A request with a ``timeout`` makes the method a wait: with zero or None it returns only once the event has happened.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto

from pyxenon_codegen import naming, overrides
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.model import (
    PATH_MESSAGE,
    Conversion,
    Field,
    Message,
    Method,
    Parameter,
    Raised,
    Result,
    Service,
    Shape,
    Stream,
    Wait,
)
from pyxenon_codegen.words import RpcWords, Words

TIMEOUT = "timeout"


def build_services(
    file: FileDescriptorProto, messages: Mapping[str, Message], words: Words, errors: Mapping[str, str]
) -> tuple[Service, ...]:
    """Return the services of *file*, with method signatures made by the rules of this module.

    *errors* says when each exception is raised.
    """
    handles = {service.name: _handle(service) for service in file.service}
    return tuple(_service(service, handles, messages, words, errors) for service in file.service)


def _handle(service: ServiceDescriptorProto) -> str:
    for method in service.method:
        if method.name == "create":
            return _type(method.output_type)
    raise CodegenError(f"{service.name} has no rpc create, which says what its handle is")


def _type(full_name: str) -> str:
    return full_name.rpartition(".")[2]


def _service(
    service: ServiceDescriptorProto,
    handles: Mapping[str, str],
    messages: Mapping[str, Message],
    words: Words,
    errors: Mapping[str, str],
) -> Service:
    rules = _Rules(service.name, handles[service.name], frozenset(handles.values()), messages, errors)
    methods = tuple(rules.method(method, words.rpc(f"{service.name}.{method.name}")) for method in service.method)
    return Service(service.name, handles[service.name], words.text(service.name), methods)


class _Rules:
    """The rules of this module, applied to one service."""

    def __init__(
        self, service: str, handle: str, handles: frozenset[str], messages: Mapping[str, Message], errors: Mapping[str, str]
    ) -> None:
        self._service = service
        self._handle = handle
        self._handles = handles
        self._messages = messages
        self._errors = errors

    def method(self, rpc: MethodDescriptorProto, words: RpcWords) -> Method:
        """Return the Python method for *rpc*."""
        request, response = self._messages[_type(rpc.input_type)], self._messages[_type(rpc.output_type)]
        own = request.name == self._handle
        self_field = next((field for field in request.fields if field.type_name == self._handle), None)
        stream = self._stream(rpc, request, response)
        skipped = [field for field in (self_field, stream and stream.field) if field]
        fields = [] if own else [field for field in request.fields if field not in skipped]
        waits = any(field.name == TIMEOUT for field in fields)
        return Method(
            name=rpc.name,
            service=self._service,
            request=request,
            response=response,
            handle=self._handle,
            is_static=not own and self_field is None,
            self_field=self_field,
            parameters=tuple(sorted((self._parameter(field) for field in fields), key=lambda one: one.default is not None)),
            result=self._result(response),
            stream=stream,
            server_streaming=rpc.server_streaming,
            wait=self._wait(rpc, response) if waits else None,
            doc=words.doc,
            returns=words.returns,
            raises=tuple(Raised(name, self._errors.get(name, "")) for name in words.raises),
        )

    def _stream(self, rpc: MethodDescriptorProto, request: Message, response: Message) -> Stream | None:
        if not rpc.client_streaming:
            return None
        carriers = [field for field in request.fields if field.shape is Shape.BYTES]
        if len(carriers) != 1:
            raise CodegenError(
                f"{self._service}.{rpc.name} streams {request.name}, which must have exactly one field of bytes to carry the stream"
            )
        field = carriers[0]
        name = overrides.STREAM_PARAMETERS.get(field.name, f"{naming.snake_case(field.name)}_stream")
        return Stream(name, field)

    def _wait(self, rpc: MethodDescriptorProto, response: Message) -> Wait:
        names = {field.name for field in response.fields}
        if not {"done", "running"} <= names:
            raise CodegenError(f"{self._service}.{rpc.name} takes a timeout, but {response.name} does not say when it is done or running")
        return Wait("running_or_done" if rpc.name.endswith("Running") else "done", response.name in overrides.TOLD_AT_ONCE)

    def _parameter(self, field: Field) -> Parameter:
        annotation, default, conversion = self._parameter_type(field)
        if field.label in overrides.OPTIONAL_FIELDS:
            default = {Conversion.STRINGS: "()"}.get(conversion, field.default)
        return Parameter(naming.free_name(field.python_name), field, annotation, default, conversion, field.doc)

    def _parameter_type(self, field: Field) -> tuple[str, str | None, Conversion]:
        if field.is_map:
            return "Mapping[str, str] | None", "None", Conversion.MAPPING
        if field.repeated:
            return self._repeated_parameter(field)
        if field.shape is Shape.MESSAGE:
            return self._message_parameter(field)
        if field.optional:
            return field.python_type, "None", Conversion.PLAIN
        if field.name == TIMEOUT:
            return "int | None", "0", Conversion.PLAIN
        if field.shape is Shape.ENUM:
            return field.item_type, field.default, Conversion.PLAIN
        default = None if field.shape in (Shape.STRING, Shape.BYTES) else field.default
        return field.item_type, default, Conversion.PLAIN

    def _repeated_parameter(self, field: Field) -> tuple[str, str | None, Conversion]:
        if field.shape is Shape.STRING:
            return "Iterable[str]", None, Conversion.STRINGS
        return f"Iterable[{field.item_type}]", None, Conversion.ITEMS

    def _message_parameter(self, field: Field) -> tuple[str, str | None, Conversion]:
        if field.oneof:
            return f"{field.item_type} | None", "None", Conversion.PLAIN
        if field.type_name == PATH_MESSAGE:
            return "StrPath", None, Conversion.PATH
        if field.type_name in self._handles:
            return field.type_name, None, Conversion.HANDLE
        return field.item_type, None, Conversion.PLAIN

    def _result(self, response: Message) -> Result:
        if not response.fields:
            return Result("None", Conversion.NONE, None, response)
        if response.name == PATH_MESSAGE:
            return Result("Path", Conversion.PATH, None, response)
        if response.name in self._handles:
            return Result(response.name, Conversion.HANDLE, None, response)
        if response.holds_path:
            return Result(response.name, Conversion.VIEW, None, response)
        if set(response.oneofs) and all(field.oneof for field in response.fields):
            return Result(" | ".join(field.item_type for field in response.fields), Conversion.ONEOF, None, response)
        if len(response.fields) == 1 and not response.is_identity:
            return self._unwrapped(response)
        return Result(f"messages.{response.name}", Conversion.PLAIN, None, response)

    def _unwrapped(self, response: Message) -> Result:
        field = response.fields[0]
        if field.type_name in self._handles and field.repeated:
            return Result(f"builtins.list[{field.type_name}]", Conversion.HANDLES, field, response)
        return Result(field.python_type, Conversion.PLAIN, field, response)
