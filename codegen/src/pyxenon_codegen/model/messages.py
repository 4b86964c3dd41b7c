"""Messages, their fields and enumerations, as the templates see them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from pyxenon_codegen import naming
from pyxenon_codegen.model.docstrings import item, section

PATH_MESSAGE = "Path"


class Shape(Enum):
    """The kinds of field values that the wire format and the generated code distinguish."""

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

    @property
    def attributes(self) -> str:
        """The section of its docstring that lists the values."""
        return section("Attributes", (item(value.name, value.doc) for value in self.values))


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
        """True for a map."""
        return self.value is not None

    @property
    def is_packed(self) -> bool:
        """True if the values of this repeated field share one length-delimited record."""
        return self.repeated and not self.is_map and self.shape not in _LENGTH_DELIMITED

    @property
    def wire_type(self) -> int:
        """0 for a varint, 2 for a length-delimited value."""
        return 2 if self.shape in _LENGTH_DELIMITED or self.is_packed else 0

    @property
    def tag(self) -> int:
        """Number and wire type, as they precede the value on the wire."""
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
        """The Python type of the attribute, with None if the field has presence."""
        if self.key is not None and self.value is not None:
            return f"builtins.dict[{self.key.item_type}, {self.value.item_type}]"
        if self.repeated:
            return f"builtins.list[{self.item_type}]"
        return f"{self.item_type} | None" if self.has_presence else self.item_type

    @property
    def shown_type(self) -> str:
        """The type of the attribute, as people read it."""
        return self.python_type.replace("messages.", "").replace("builtins.", "")

    @property
    def has_presence(self) -> bool:
        """True if an absent field differs from an empty one."""
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
        """The variable for the field in a decoder, which cannot collide with the decoder's own names."""
        return f"f_{self.python_name}"

    @property
    def put_name(self) -> str:
        """The suffix of the function that writes one value."""
        return Shape.INT32.value if self.shape is Shape.ENUM else self.shape.value

    @property
    def from_varint(self) -> str:
        """The Python expression that converts the number ``value`` to the field's value."""
        if self.shape is Shape.ENUM:
            return f"_{self.class_name}.get(value) or messages.{self.class_name}(signed32(value))"
        expressions = {Shape.BOOL: "value != 0", Shape.UINT32: "value & 0xFFFFFFFF", Shape.INT32: "signed32(value)"}
        return expressions.get(self.shape, "signed64(value)" if self.shape is Shape.INT64 else "value")

    @property
    def from_bytes(self) -> str:
        """The Python expression that converts the bytes from ``position`` to ``stop`` to the field's value."""
        if self.shape is Shape.MESSAGE:
            return f"decode_{self.function_name}(data, position, stop)"
        return "data[position:stop].decode()" if self.shape is Shape.STRING else "data[position:stop]"

    def stored(self, expression: str) -> str:
        """Return the statement of a decoder that stores a value."""
        return f"{self.local_name}.append({expression})" if self.repeated else f"{self.local_name} = {expression}"

    @property
    def map_default(self) -> str:
        """The value of a map entry without a value."""
        return f"messages.{self.class_name}()" if self.shape is Shape.MESSAGE else '""'

    @property
    def is_path(self) -> bool:
        """True if callers see the field as a path."""
        return self.type_name == PATH_MESSAGE

    @property
    def constructor_type(self) -> str:
        """The type that a constructor accepts for the field: any iterable or mapping, and a path for text."""
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
        """The parameter type of a constructor that takes the attribute unchanged."""
        return f"{self.shown_type} | None" if self.repeated else self.shown_type

    @property
    def plain_constructor_default(self) -> str:
        """The default of that parameter."""
        return "None" if self.repeated else self.default.replace("messages.", "")

    @property
    def plain_constructor_value(self) -> str:
        """The attribute that such a constructor sets: a new list or map if none is given."""
        return f"{self.default} if {self.python_name} is None else {self.python_name}" if self.repeated else self.python_name

    @property
    def label(self) -> str:
        """The name in error messages."""
        return f"{self.owner}.{self.name}"


@frozen
class Member:
    """A member of a message's body: one field, or a oneof with its fields."""

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
    def attributes(self) -> str:
        """The part of its docstring on the fields: which exclude one another, and each with its type."""
        fields = section("Attributes", (item(f"{field.python_name} ({field.shown_type})", field.doc) for field in self.fields))
        return "\n\n".join([*(_alternatives(members, self.oneofs[name]) for name, members in self.oneof_members.items()), fields])

    @property
    def view_docstring(self) -> str:
        """The docstring of its view, in which each path is a ``Path``."""
        types = {field: "Path" if field.is_path else field.shown_type for field in self.fields}
        return f"{self.doc}\n\n" + section("Attributes", (item(f"{field.python_name} ({of})", field.doc) for field, of in types.items()))

    @property
    def is_identity(self) -> bool:
        """True if the message only identifies something: its only field is ``id``."""
        return [field.name for field in self.fields] == ["id"]

    @property
    def holds_path(self) -> bool:
        """True if one of its fields is a path, which callers see as a ``Path``."""
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
        fields = "\n".join(item(field.python_name, field.doc) for field in self.fields)
        raises = [
            item("AttributeError", "A keyword is not a field; the error names the closest field."),
            item("TypeError", "A str is given instead of a list of str."),
        ]
        summary = "Create it from keyword arguments. All are optional, and can be set later as attributes."
        return "\n\n".join([summary, f"Args:\n{fields}", "Raises:\n" + "\n".join(raises)])

    @property
    def oneof_members(self) -> Mapping[str, tuple[Field, ...]]:
        """The fields of each oneof, by its name."""
        return {name: tuple(field for field in self.fields if field.oneof == name) for name in self.oneofs}


def _alternatives(fields: tuple[Field, ...], doc: str) -> str:
    """Say that only one of the *fields* may be set, and what the *doc* of their oneof says."""
    *others, last = (f"``{field.python_name}``" for field in fields)
    names = f"{', '.join(others)} and {last}" if others else last
    return f"Set at most one of {names}: {doc[:1].lower()}{doc[1:]}"
