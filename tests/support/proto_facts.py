"""Every fact of a proto as a line of text, found without the code that is tested with it."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto


def facts(file: FileDescriptorProto) -> list[str]:
    """Every fact of a proto as a line of text; comments and the order of the declarations are none."""
    lines = [
        f"syntax {file.syntax}",
        f"package {file.package}",
        f"imports {list(file.dependency)}",
        f"options {_options(file.options)}",
    ]
    for message in file.message_type:
        lines += _message(message, "")
    for enum in file.enum_type:
        lines += _enum(enum, "")
    for service in file.service:
        lines.append(f"service {service.name} {_options(service.options)}")
        for rpc in service.method:
            requests, responses = ("stream " if one else "" for one in (rpc.client_streaming, rpc.server_streaming))
            name = f"rpc {service.name}.{rpc.name}"
            lines.append(f"{name}({requests}{rpc.input_type}) returns ({responses}{rpc.output_type}) {_options(rpc.options)}")
    return sorted(lines)


def _message(message: DescriptorProto, prefix: str) -> Iterator[str]:
    name = prefix + message.name
    yield f"message {name} {_options(message.options)}"
    yield from (f"reserved {name} {one.start}-{one.end}" for one in message.reserved_range)
    yield from (f"reserved {name} {one}" for one in message.reserved_name)
    yield from (f"oneof {name}.{oneof.name}" for oneof in message.oneof_decl)
    for field in message.field:
        yield _field(field, message, name)
    for nested in message.nested_type:
        yield from _message(nested, f"{name}.")
    for enum in message.enum_type:
        yield from _enum(enum, f"{name}.")


def _field(field: FieldDescriptorProto, message: DescriptorProto, name: str) -> str:
    kind = FieldDescriptorProto.Type.Name(field.type)
    label = FieldDescriptorProto.Label.Name(field.label)
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
    return (
        f"field {name}.{field.name} = {field.number}: {label} {kind} {field.type_name} json={field.json_name} oneof={oneof}"
        f" optional={field.proto3_optional} {_options(field.options)}"
    )


def _enum(enum: EnumDescriptorProto, prefix: str) -> Iterator[str]:
    yield f"enum {prefix}{enum.name} {_options(enum.options)}"
    yield from (f"value {prefix}{enum.name}.{value.name} = {value.number} {_options(value.options)}" for value in enum.value)


def _options(options: object) -> str:
    return f"[{' '.join(str(options).split())}]"
