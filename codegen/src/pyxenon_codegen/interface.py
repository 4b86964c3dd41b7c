"""Build the model from a descriptor and its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto

from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.methods import build_services
from pyxenon_codegen.model import EnumModel, EnumValue, Field, Interface, Message, Shape
from pyxenon_codegen.words import Words

_SHAPES = {
    FieldDescriptorProto.TYPE_STRING: Shape.STRING,
    FieldDescriptorProto.TYPE_BYTES: Shape.BYTES,
    FieldDescriptorProto.TYPE_BOOL: Shape.BOOL,
    FieldDescriptorProto.TYPE_UINT32: Shape.UINT32,
    FieldDescriptorProto.TYPE_UINT64: Shape.UINT64,
    FieldDescriptorProto.TYPE_INT32: Shape.INT32,
    FieldDescriptorProto.TYPE_INT64: Shape.INT64,
    FieldDescriptorProto.TYPE_ENUM: Shape.ENUM,
    FieldDescriptorProto.TYPE_MESSAGE: Shape.MESSAGE,
}
MAP_SHAPES = ((Shape.STRING, Shape.STRING), (Shape.STRING, Shape.MESSAGE))


def build_interface(file: FileDescriptorProto, words: Words, errors: Mapping[str, str]) -> Interface:
    """Return the model of *file*, its *words* and the meaning of *errors*; raises :class:`CodegenError` for a shape without a rule."""
    zeros = _zeros(file)
    messages = tuple(_message(message, zeros, words) for message in file.message_type)
    enums = tuple(_enum(enum, "", words) for enum in file.enum_type)
    services = build_services(file, {message.name: message for message in messages}, words, errors)
    interface = Interface(file.package, messages, enums, services)
    _check_collisions(interface)
    return interface


def _zeros(file: FileDescriptorProto) -> Mapping[str, str]:
    """Return the name of each enumeration's zero, by the enumeration's full name."""
    enums = {f".{file.package}.{enum.name}": enum for enum in file.enum_type}
    for message in file.message_type:
        enums.update({f".{file.package}.{message.name}.{enum.name}": enum for enum in message.enum_type})
    return {name: next(value.name for value in enum.value if value.number == 0) for name, enum in enums.items()}


def _enum(enum: EnumDescriptorProto, prefix: str, words: Words) -> EnumModel:
    name = prefix + enum.name
    values = tuple(EnumValue(value.name, value.number, words.text(f"{name}.{value.name}")) for value in enum.value)
    return EnumModel(name, words.text(name), values)


def _message(message: DescriptorProto, zeros: Mapping[str, str], words: Words) -> Message:
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if len(entries) != len(message.nested_type):
        raise CodegenError(f"{message.name} nests a message; write it at the top level of the proto instead")
    fields = tuple(_field(field, message, entries, zeros, words) for field in message.field)
    enums = tuple(_enum(enum, f"{message.name}.", words) for enum in message.enum_type)
    used = {field.oneof for field in fields}
    oneofs = {oneof.name: words.text(f"{message.name}.{oneof.name}") for oneof in message.oneof_decl if oneof.name in used}
    return Message(message.name, words.text(message.name), fields, enums, oneofs)


def _field(
    field: FieldDescriptorProto, message: DescriptorProto, entries: Mapping[str, DescriptorProto], zeros: Mapping[str, str], words: Words
) -> Field:
    doc = words.text(f"{message.name}.{field.name}")
    entry = entries.get(field.type_name.rpartition(".")[2])
    if entry is None:
        return _plain_field(field, message, zeros, doc)
    key, value = (_plain_field(part, message, zeros, "") for part in entry.field)
    if (key.shape, value.shape) not in MAP_SHAPES:
        raise CodegenError(
            f"{message.name}.{field.name} maps {key.shape.value} to {value.shape.value}; the codec template knows {_map_shapes()}"
        )
    return Field(field.name, field.number, Shape.MESSAGE, "", True, None, doc, message.name, key=key, value=value)


def _plain_field(field: FieldDescriptorProto, message: DescriptorProto, zeros: Mapping[str, str], doc: str) -> Field:
    shape = _SHAPES.get(field.type)
    if shape is None:
        kind = FieldDescriptorProto.Type.Name(field.type)
        raise CodegenError(f"{message.name}.{field.name} is of {kind}, which the codec template does not know; teach it there")
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    return Field(
        name=field.name,
        number=field.number,
        shape=shape,
        type_name=".".join(field.type_name.split(".")[2:]),
        repeated=field.label == FieldDescriptorProto.LABEL_REPEATED,
        oneof=message.oneof_decl[field.oneof_index].name if in_oneof else None,
        doc=doc,
        owner=message.name,
        zero_name=zeros.get(field.type_name, ""),
        optional=field.proto3_optional,
    )


def _check_collisions(interface: Interface) -> None:
    classes = [message.name for message in interface.messages] + [enum.class_name for enum in interface.all_enums]
    _refuse_duplicates("class", classes)
    _refuse_duplicates("module", [service.module for service in interface.services])
    for message in interface.messages:
        _refuse_duplicates(f"attribute of {message.name}", [field.python_name for field in message.fields])
    for service in interface.services:
        _refuse_duplicates(f"method of {service.handle}", [method.python_name for method in service.methods])
        for method in service.methods:
            _refuse_duplicates(f"parameter of {service.handle}.{method.python_name}", method.parameter_names)


def _refuse_duplicates(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CodegenError(f"two things in the interface would become the same {what}: {name}")
        seen.add(name)


def _map_shapes() -> str:
    return " and ".join(f"{key.value} to {value.value}" for key, value in MAP_SHAPES)
