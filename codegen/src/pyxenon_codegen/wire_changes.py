"""Find the differences between two interfaces on the wire: services, RPCs, messages, fields, enumerations and values.

A removed and a new element count as renamed if they have the same place: a field its number and type, a value its number, an RPC its
messages, a message its fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen
from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto

from pyxenon_codegen.changes import Change, What


@frozen
class _Thing:
    """A named element. ``signature`` describes the rest of it; ``place`` is what it keeps when it is renamed."""

    kind: str
    owner: str
    name: str
    signature: str = ""
    place: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


_Things: TypeAlias = Mapping[tuple[str, str], _Thing]


def wire_changes(before: FileDescriptorProto, after: FileDescriptorProto) -> list[Change]:
    """Return all differences, without the members of elements that are new or removed as a whole."""
    old, new = _things(before), _things(after)
    renamed = _renamed(old, new)
    changes = [Change(What.RENAMED, gone.kind, gone.full_name, f"now {fresh.full_name}") for gone, fresh in renamed]
    known = {(one.kind, one.full_name) for pair in renamed for one in pair}
    changes += [_removed(thing) for key, thing in old.items() if key not in new and key not in known and _stands_alone(thing, new, known)]
    changes += [_added(thing) for key, thing in new.items() if key not in old and key not in known and _stands_alone(thing, old, known)]
    changes += [
        Change(What.CHANGED, thing.kind, thing.full_name, f"was {thing.signature}, is {new[key].signature}")
        for key, thing in old.items()
        if key in new and new[key].signature != thing.signature
    ]
    return changes


def _added(thing: _Thing) -> Change:
    return Change(What.ADDED, thing.kind, thing.full_name, thing.signature)


def _removed(thing: _Thing) -> Change:
    return Change(What.REMOVED, thing.kind, thing.full_name, f"was {thing.signature}" if thing.signature else "")


def _stands_alone(thing: _Thing, other: _Things, renamed: set[tuple[str, str]]) -> bool:
    """Return True if the owner exists on the other side too, so that the element must be listed itself."""
    owners = {name for _, name in other}
    return not thing.owner or (thing.owner in owners and not any(name == thing.owner for _, name in renamed))


def _renamed(old: _Things, new: _Things) -> list[tuple[_Thing, _Thing]]:
    pairs: list[tuple[_Thing, _Thing]] = []
    for gone in (thing for key, thing in old.items() if key not in new and thing.place):
        candidates = [thing for key, thing in new.items() if key not in old and _same_place(gone, thing)]
        rivals = [thing for key, thing in old.items() if key not in new and _same_place(gone, thing)]
        if len(candidates) == len(rivals) == 1:
            pairs.append((gone, candidates[0]))
    return pairs


def _same_place(one: _Thing, other: _Thing) -> bool:
    return (one.kind, one.owner, one.place) == (other.kind, other.owner, other.place)


def _things(file: FileDescriptorProto) -> dict[tuple[str, str], _Thing]:
    return {(thing.kind, thing.full_name): thing for thing in _all_things(file)}


def _all_things(file: FileDescriptorProto) -> Iterator[_Thing]:
    for service in file.service:
        yield _Thing("service", "", service.name)
        for rpc in service.method:
            yield _Thing("RPC", service.name, rpc.name, _rpc(rpc), _rpc(rpc))
    for message in file.message_type:
        entries = {f".{file.package}.{message.name}.{nested.name}": _map(nested.field) for nested in message.nested_type}
        fields = [_field(field, message.name, entries, [oneof.name for oneof in message.oneof_decl]) for field in message.field]
        yield _Thing("message", "", message.name, "", "; ".join(f"{field.name} {field.signature}" for field in fields))
        yield from fields
        for enum in message.enum_type:
            yield from _enum(enum, f"{message.name}.")
    for enum in file.enum_type:
        yield from _enum(enum, "")


def _enum(enum: EnumDescriptorProto, prefix: str) -> Iterator[_Thing]:
    name = prefix + enum.name
    yield _Thing("enum", "", name, "", "; ".join(f"{value.name} = {value.number}" for value in enum.value))
    yield from (_Thing("enum value", name, value.name, str(value.number), str(value.number)) for value in enum.value)


def _rpc(rpc: MethodDescriptorProto) -> str:
    request, response = rpc.input_type.rpartition(".")[2], rpc.output_type.rpartition(".")[2]
    streams = ("stream " if rpc.client_streaming else "", "stream " if rpc.server_streaming else "")
    return f"({streams[0]}{request}) returns ({streams[1]}{response})"


def _field(field: FieldDescriptorProto, owner: str, entries: Mapping[str, str], oneofs: list[str]) -> _Thing:
    kind = entries.get(field.type_name) or _type(field)
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    label = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED and field.type_name not in entries else ""
    label = "optional " if field.proto3_optional else label
    suffix = f" in oneof {oneofs[field.oneof_index]}" if in_oneof else ""
    signature = f"{label}{kind} = {field.number}{suffix}"
    return _Thing("field", owner, field.name, signature, signature)


def _map(fields: Sequence[FieldDescriptorProto]) -> str:
    key, value = fields
    return f"map<{_type(key)}, {_type(value)}>"


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return ".".join(field.type_name.split(".")[2:])
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
