"""The interface as the templates see it: frozen, typed, with every decision already made.

A service such as ``FileSystemService`` works on a *handle*, the message that its ``create`` returns. Which argument of an RPC is
that handle, which parameters a method has and which of them may be left out, what is streamed, and what a caller gets back all follow
from the shapes of the messages by the rules in :mod:`pyxenon_codegen.methods`; :mod:`pyxenon_codegen.overrides` holds what no rule decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from pyxenon_codegen import naming

PATH_MESSAGE = "Path"


class Shape(Enum):
    """What kind of value a field holds, as far as the wire and the generated code tell kinds apart."""

    STRING = "string"
    BYTES = "bytes"
    BOOL = "bool"
    UINT32 = "uint32"
    UINT64 = "uint64"
    INT32 = "int32"
    INT64 = "int64"
    ENUM = "enum"
    MESSAGE = "message"


_PYTHON_TYPES = {Shape.STRING: "str", Shape.BYTES: "bytes", Shape.BOOL: "bool"}
_LENGTH_DELIMITED = frozenset({Shape.STRING, Shape.BYTES, Shape.MESSAGE})


@frozen
class EnumValue:
    """One name and number of an enumeration."""

    name: str
    number: int
    doc: str


@frozen
class EnumModel:
    """An enumeration; ``name`` is dotted where it is nested (``CopyRequest.CopyMode``)."""

    name: str
    doc: str
    values: tuple[EnumValue, ...]

    @property
    def class_name(self) -> str:
        """The Python class: nested names are run together."""
        return self.name.replace(".", "")

    @property
    def nested_name(self) -> str:
        """The name inside its message, ``CopyMode``."""
        return self.name.rpartition(".")[2]


@frozen
class Field:
    """A field of a message.

    For a map, ``key`` and ``value`` describe its entries and ``shape`` is MESSAGE. ``zero_name`` is the name of an enumeration's zero.
    """

    name: str
    number: int
    shape: Shape
    type_name: str
    repeated: bool
    oneof: str | None
    doc: str
    owner: str
    zero_name: str = ""
    optional: bool = False
    key: Field | None = None
    value: Field | None = None

    @property
    def python_name(self) -> str:
        """The attribute of the betterproto message."""
        return naming.attribute_name(self.name)

    @property
    def is_map(self) -> bool:
        """Whether the field is a map."""
        return self.value is not None

    @property
    def is_packed(self) -> bool:
        """Whether the values of this repeated field share one length-delimited record."""
        return self.repeated and not self.is_map and self.shape not in _LENGTH_DELIMITED

    @property
    def wire_type(self) -> int:
        """0 for a varint, 2 for what is preceded by its length."""
        return 2 if self.shape in _LENGTH_DELIMITED or self.is_packed else 0

    @property
    def tag(self) -> int:
        """Number and wire type as they precede the value on the wire."""
        return self.number << 3 | self.wire_type

    @property
    def tag_literal(self) -> str:
        """The tag's varint as a Python bytes literal."""
        value, encoded = self.tag, bytearray()
        while value > 127:
            encoded.append(value & 127 | 128)
            value >>= 7
        encoded.append(value)
        return 'b"' + "".join(f"\\x{byte:02x}" for byte in encoded) + '"'

    @property
    def class_name(self) -> str:
        """The Python class of a message or an enumeration."""
        return self.type_name.replace(".", "")

    @property
    def function_name(self) -> str:
        """The suffix of the codec functions for this field's message."""
        return naming.snake_case(self.type_name)

    @property
    def item_type(self) -> str:
        """The Python type of one value."""
        if self.shape in (Shape.ENUM, Shape.MESSAGE):
            return f"messages.{self.class_name}"
        return _PYTHON_TYPES.get(self.shape, "int")

    @property
    def python_type(self) -> str:
        """The Python type of the attribute, with the presence that the wire has."""
        if self.key is not None and self.value is not None:
            return f"builtins.dict[{self.key.item_type}, {self.value.item_type}]"
        if self.repeated:
            return f"builtins.list[{self.item_type}]"
        return f"{self.item_type} | None" if self.has_presence else self.item_type

    @property
    def has_presence(self) -> bool:
        """Whether an absent field is told from an empty one."""
        return not self.repeated and (self.shape is Shape.MESSAGE or self.oneof is not None or self.optional)

    @property
    def default(self) -> str:
        """The Python expression for the field's value when it is absent."""
        if self.is_map:
            return "{}"
        if self.repeated:
            return "[]"
        if self.has_presence:
            return "None"
        zero = {Shape.STRING: '""', Shape.BYTES: 'b""', Shape.BOOL: "False", Shape.ENUM: f"{self.item_type}.{self.zero_name}"}
        return zero.get(self.shape, "0")

    @property
    def proto_type(self) -> str:
        """The field's type as it is written in a proto."""
        if self.key is not None and self.value is not None:
            return f"map<{self.key.proto_type}, {self.value.proto_type}>"
        nested = self.type_name.removeprefix(f"{self.owner}.")
        label = "repeated " if self.repeated else "optional " if self.optional else ""
        return label + (nested or self.shape.value)

    @property
    def local_name(self) -> str:
        """The variable that holds the field in a decoder, where no name of the decoder's own is in its way."""
        return f"f_{self.python_name}"

    @property
    def put_name(self) -> str:
        """The suffix of the function that writes one value."""
        return Shape.INT32.value if self.shape is Shape.ENUM else self.shape.value

    @property
    def from_varint(self) -> str:
        """The Python expression that makes the field's value of the number ``value``."""
        if self.shape is Shape.ENUM:
            return f"_{self.class_name}.get(value) or messages.{self.class_name}(signed32(value))"
        expressions = {Shape.BOOL: "value != 0", Shape.UINT32: "value & 0xFFFFFFFF", Shape.INT32: "signed32(value)"}
        return expressions.get(self.shape, "signed64(value)" if self.shape is Shape.INT64 else "value")

    @property
    def from_bytes(self) -> str:
        """The Python expression that makes the field's value of the bytes from ``position`` to ``stop``."""
        if self.shape is Shape.MESSAGE:
            return f"decode_{self.function_name}(data, position, stop)"
        return "data[position:stop].decode()" if self.shape is Shape.STRING else "data[position:stop]"

    def stored(self, expression: str) -> str:
        """The statement of a decoder that keeps a value."""
        return f"{self.local_name}.append({expression})" if self.repeated else f"{self.local_name} = {expression}"

    @property
    def map_default(self) -> str:
        """The value of a map's entry that has none."""
        return f"messages.{self.class_name}()" if self.shape is Shape.MESSAGE else '""'

    @property
    def is_path(self) -> bool:
        """Whether callers see the field as a path."""
        return self.type_name == PATH_MESSAGE

    @property
    def constructor_type(self) -> str:
        """What a constructor takes for the field: any iterable or mapping, and a path where the wire has text."""
        if self.key is not None and self.value is not None:
            return f"Mapping[{self.key.item_type}, {self.value.item_type}]".replace("messages.", "")
        item = "StrPath" if self.shape is Shape.STRING else self.item_type.replace("messages.", "")
        return f"Iterable[{item}]" if self.repeated else item

    @property
    def constructor_default(self) -> str:
        """The default of the constructor's parameter."""
        if self.is_map:
            return "MappingProxyType({})"
        return "()" if self.repeated else self.default.replace("messages.", "")

    @property
    def constructor_value(self) -> str:
        """The Python expression for the attribute."""
        if self.is_map:
            return f"dict({self.python_name})"
        if self.repeated and self.shape is Shape.STRING:
            return f'strings({self.python_name}, "{self.label}")'
        if self.repeated:
            return f"list({self.python_name})"
        return f'text({self.python_name}, "{self.label}")' if self.shape is Shape.STRING else self.python_name

    @property
    def plain_constructor_type(self) -> str:
        """The type of the parameter of a constructor that takes the attribute as it is."""
        attribute = self.python_type.replace("messages.", "").replace("builtins.", "")
        return f"{attribute} | None" if self.repeated else attribute

    @property
    def plain_constructor_default(self) -> str:
        """The default of that parameter."""
        return "None" if self.repeated else self.default.replace("messages.", "")

    @property
    def plain_constructor_value(self) -> str:
        """The attribute that such a constructor sets: a new list or map when none is given."""
        return f"{self.default} if {self.python_name} is None else {self.python_name}" if self.repeated else self.python_name

    @property
    def label(self) -> str:
        """The name in error messages."""
        return f"{self.owner}.{self.name}"


@frozen
class Member:
    """What stands in a message's body: one field, or a oneof with its fields."""

    oneof: str | None
    fields: tuple[Field, ...]


@frozen
class Message:
    """A message of the interface."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    enums: tuple[EnumModel, ...]
    oneofs: Mapping[str, str]

    @property
    def function_name(self) -> str:
        """The suffix of this message's codec functions."""
        return naming.snake_case(self.name)

    @property
    def is_identity(self) -> bool:
        """Whether the message does nothing but name a thing: its only field is ``id``."""
        return [field.name for field in self.fields] == ["id"]

    @property
    def holds_path(self) -> bool:
        """Whether one of its fields is a path, which callers see as a ``Path`` of their own."""
        return any(field.type_name == PATH_MESSAGE for field in self.fields)

    @property
    def members(self) -> tuple[Member, ...]:
        """The fields in their order, those of a oneof together."""
        members: list[Member] = []
        for field in self.fields:
            if field.oneof is None:
                members.append(Member(None, (field,)))
            elif not any(member.oneof == field.oneof for member in members):
                members.append(Member(field.oneof, self.oneof_members[field.oneof]))
        return tuple(members)

    @property
    def constructor_docstring(self) -> str:
        """The docstring of a constructor that takes every field."""
        fields = "\n".join(_item(field.python_name, field.doc) for field in self.fields)
        raises = [
            _item("AttributeError", "A keyword is not a field; the message names the nearest that is."),
            _item("TypeError", "A str is given where a list of them belongs."),
        ]
        summary = "Describe it by keywords; all may be left out, and set later as attributes."
        return "\n\n".join([summary, f"Args:\n{fields}", "Raises:\n" + "\n".join(raises)])

    @property
    def oneof_members(self) -> Mapping[str, tuple[Field, ...]]:
        """The fields of each oneof, by its name."""
        return {name: tuple(field for field in self.fields if field.oneof == name) for name in self.oneofs}


class Conversion(Enum):
    """How a parameter becomes a field, or an answer becomes a result."""

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
    """What a generated method gives its caller: one value, or with streaming one of many."""

    annotation: str
    conversion: Conversion
    field: Field | None
    message: Message

    @property
    def is_whole(self) -> bool:
        """Whether the caller gets the response itself."""
        return self.conversion is Conversion.PLAIN and self.field is None


@frozen
class Raised:
    """An exception that a method raises, and when it does."""

    name: str
    doc: str


@frozen
class Wait:
    """A method that returns when something has happened or when its ``timeout`` has passed."""

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
        """The docstring of the Python method: what it does, its parameters, what it returns, what it raises, and where that comes from."""
        streamed = [(self.stream.parameter, self.stream.field.doc)] if self.stream else []
        parameters = [(one.name, one.doc) for one in self.required] + streamed + [(one.name, one.doc) for one in self.optional]
        blocks = [self.doc]
        if parameters:
            blocks.append("Args:\n" + "\n".join(_item(name, text) for name, text in parameters))
        if self.returns:
            blocks.append(("Yields:\n" if self.yields else "Returns:\n") + _indented(self.returns))
        if self.raises:
            blocks.append("Raises:\n" + "\n".join(_item(one.name, one.doc) for one in self.raises))
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
        """Whether the method gives its results one by one."""
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
        """Whether the request is a stream."""
        return self.stream is not None

    @property
    def is_byte_stream(self) -> bool:
        """Whether the response streams nothing but bytes, as the contents of a file."""
        fields = self.response.fields
        return self.server_streaming and len(fields) == 1 and fields[0].shape is Shape.BYTES

    @property
    def identity(self) -> Field | None:
        """In a conversation, the field of the first response that names what was started."""
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


@frozen
class Service:
    """A service and the handle that its methods work on."""

    name: str
    handle: str
    doc: str
    methods: tuple[Method, ...]

    @property
    def module(self) -> str:
        """The module that the service's classes are rendered into: ``filesystem`` for ``FileSystemService``."""
        return self.handle.lower()

    @property
    def collection(self) -> str:
        """The attribute of a client that gives the methods which need no handle: ``filesystems``."""
        return f"{self.module}s"

    @property
    def static_methods(self) -> tuple[Method, ...]:
        """The methods that need no handle."""
        return tuple(method for method in self.methods if method.is_static)

    @property
    def handle_methods(self) -> tuple[Method, ...]:
        """The methods of one file system or scheduler."""
        return tuple(method for method in self.methods if not method.is_static)


@frozen
class Interface:
    """The whole interface."""

    package: str
    messages: tuple[Message, ...]
    enums: tuple[EnumModel, ...]
    services: tuple[Service, ...]

    @property
    def all_enums(self) -> tuple[EnumModel, ...]:
        """Every enumeration, nested ones included."""
        nested = tuple(enum for message in self.messages for enum in message.enums)
        return self.enums + nested

    @property
    def views(self) -> tuple[Message, ...]:
        """The messages that callers see through a view, for the paths in them."""
        shown = {
            method.response.name for service in self.services for method in service.methods if method.result.conversion is Conversion.VIEW
        }
        return tuple(message for message in self.messages if message.name in shown)

    @property
    def descriptions(self) -> tuple[Message, ...]:
        """The messages that users fill in to ask for something, such as a job description."""
        wanted = {
            parameter.field.type_name
            for service in self.services
            for method in service.methods
            for parameter in method.parameters
            if parameter.conversion is Conversion.PLAIN and parameter.field.shape is Shape.MESSAGE and not parameter.field.oneof
        }
        return tuple(message for message in self.messages if message.name in wanted and not message.is_identity)


def _item(name: str, text: str) -> str:
    return f"    {name}: {' '.join(text.split())}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
