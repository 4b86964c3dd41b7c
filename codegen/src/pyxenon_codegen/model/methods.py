"""Methods, their parameters, results and errors, as the templates see them."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from pyxenon_codegen import naming
from pyxenon_codegen.model.docstrings import indented, item
from pyxenon_codegen.model.messages import Field, Message, Shape


class Conversion(Enum):
    """A conversion of a parameter to a field, or of a response to a result."""

    NONE = "none"
    PLAIN = "plain"
    PATH = "path"
    HANDLE = "handle"
    HANDLES = "handles"
    STRINGS = "strings"
    ITEMS = "items"
    MAPPING = "mapping"
    ONEOF = "oneof"
    VIEW = "view"


@frozen
class Parameter:
    """A parameter of a generated method."""

    name: str
    field: Field
    annotation: str
    default: str | None
    conversion: Conversion
    doc: str


@frozen
class Result:
    """The result of a generated method: one value, or with streaming one of many."""

    annotation: str
    conversion: Conversion
    field: Field | None
    message: Message

    @property
    def is_whole(self) -> bool:
        """True if the caller gets the response itself."""
        return self.conversion is Conversion.PLAIN and self.field is None


@frozen
class Raised:
    """An exception that a method raises, and when."""

    name: str
    doc: str


@frozen
class Wait:
    """A method that returns when an event has happened or its ``timeout`` has passed."""

    happened: str
    told_at_once: bool


@frozen
class Stream:
    """What a client streams: the parameter it comes from and the field of the request that carries it."""

    parameter: str
    field: Field


@frozen
class Method:
    """A method of a service and of the Python classes made from it."""

    name: str
    service: str
    request: Message
    response: Message
    handle: str
    is_static: bool
    self_field: Field | None
    parameters: tuple[Parameter, ...]
    result: Result
    stream: Stream | None
    server_streaming: bool
    wait: Wait | None
    doc: str
    returns: str
    raises: tuple[Raised, ...]

    @property
    def python_name(self) -> str:
        """The Python method's name."""
        return naming.python_name(self.name)

    @property
    def docstring(self) -> str:
        """The docstring of the Python method: what it does, its parameters, its result, its errors, and its source."""
        streamed = [(self.stream.parameter, self.stream.field.doc)] if self.stream else []
        parameters = [(one.name, one.doc) for one in self.required] + streamed + [(one.name, one.doc) for one in self.optional]
        blocks = [self.doc]
        if parameters:
            blocks.append("Args:\n" + "\n".join(item(name, text) for name, text in parameters))
        if self.returns:
            blocks.append(("Yields:\n" if self.yields else "Returns:\n") + indented(self.returns))
        if self.raises:
            blocks.append("Raises:\n" + "\n".join(item(one.name, one.doc) for one in self.raises))
        blocks.append(f"Source: rpc ``xenon.{self.service}/{self.name}``.")
        return "\n\n".join(blocks)

    @property
    def async_annotation(self) -> str:
        """What the asynchronous method returns."""
        if self.identity is not None:
            return f"tuple[{self.identity.item_type}, AsyncIterator[messages.{self.response.name}]]"
        if self.is_byte_stream:
            return "AsyncIterator[bytes]"
        return f"AsyncIterator[{self._one}]" if self.server_streaming else self._one

    @property
    def sync_annotation(self) -> str:
        """What the synchronous method returns."""
        if self.identity is not None:
            return f"tuple[{self.identity.item_type}, ResponseStream[messages.{self.response.name}]]"
        return self.async_annotation.replace("AsyncIterator[", "Iterator[")

    @property
    def _one(self) -> str:
        prefix = "views." if self.result.conversion is Conversion.VIEW else ""
        return prefix + self.result.annotation

    @property
    def yields(self) -> bool:
        """True if the method yields its results one by one."""
        return self.server_streaming and self.identity is None

    @property
    def proto_doc(self) -> str:
        """The comment above the RPC."""
        blocks = [self.doc]
        if self.returns:
            blocks.append(f"Returns: {self.returns}")
        if self.raises:
            blocks.append(f"Errors: {', '.join(one.name for one in self.raises)}.")
        return "\n\n".join(blocks)

    @property
    def servicer_result(self) -> str:
        """What a servicer's method returns."""
        one = f"messages.{self.response.name}"
        return f"AsyncIterator[{one}]" if self.server_streaming else one

    @property
    def constant(self) -> str:
        """The name in the table of methods."""
        return f"{naming.constant_case(self.handle)}_{naming.constant_case(self.name)}"

    @property
    def path(self) -> str:
        """The path of the gRPC call."""
        return f"/xenon.{self.service}/{self.name}"

    @property
    def client_streaming(self) -> bool:
        """True if the request is a stream."""
        return self.stream is not None

    @property
    def is_byte_stream(self) -> bool:
        """True if the response is a stream of bytes, such as the contents of a file."""
        fields = self.response.fields
        return self.server_streaming and len(fields) == 1 and fields[0].shape is Shape.BYTES

    @property
    def identity(self) -> Field | None:
        """In a bidirectional stream, the field of the first response that identifies what was started."""
        if not (self.server_streaming and self.stream):
            return None
        return next((field for field in self.response.fields if field.shape is Shape.MESSAGE), None)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of all parameters, that of the stream included."""
        return (*(parameter.name for parameter in self.parameters), *((self.stream.parameter,) if self.stream else ()))

    @property
    def required(self) -> tuple[Parameter, ...]:
        """The parameters without a default."""
        return tuple(parameter for parameter in self.parameters if parameter.default is None)

    @property
    def optional(self) -> tuple[Parameter, ...]:
        """The parameters that may be left out."""
        return tuple(parameter for parameter in self.parameters if parameter.default is not None)
