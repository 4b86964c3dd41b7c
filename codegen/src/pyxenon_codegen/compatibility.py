"""Say what a change of the interface means for programs, in Python terms: method by method, attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from pyxenon_codegen.changes import Change, What
from pyxenon_codegen.interface import build_interface
from pyxenon_codegen.model import EnumModel, Field, Interface, Message, Method, Service, Shape
from pyxenon_codegen.words import Words

_OPTIONAL = " | None"


def python_changes(before: FileDescriptorProto, after: FileDescriptorProto) -> list[Change]:
    """Return what programs notice of a change from *before* to *after*; raises :class:`CodegenError` for a shape without a rule."""
    old, new = _interface(before), _interface(after)
    changes = _service_changes(old.services, new.services)
    changes += _message_changes(old, new)
    return changes + _enum_changes(old, new)


def _interface(file: FileDescriptorProto) -> Interface:
    return build_interface(file, Words({}, {}), {})


def _service_changes(before: Iterable[Service], after: Iterable[Service]) -> list[Change]:
    old, new = ({service.handle: service for service in services} for services in (before, after))
    changes = [_gone("class", name, f"`xenon.{name}` raises AttributeError") for name in old if name not in new]
    changes += [
        Change(What.ADDED, "class", name, effect="a class to be written: see the guide on new services") for name in new if name not in old
    ]
    for name in old:
        if name in new:
            changes += _methods(name, old[name].methods, new[name].methods)
    return changes


def _methods(owner: str, before: Iterable[Method], after: Iterable[Method]) -> list[Change]:
    old, new = ({method.python_name: method for method in methods} for methods in (before, after))
    changes = [_gone("method", _call(owner, old[name]), "calling it raises AttributeError") for name in old if name not in new]
    changes += [
        Change(What.ADDED, "method", _call(owner, new[name]), f"returns {_plain(new[name].sync_annotation)}")
        for name in new
        if name not in old
    ]
    for name in old:
        if name in new:
            changes += _method(f"{owner}.{name}", old[name], new[name])
    return changes


def _method(name: str, before: Method, after: Method) -> list[Change]:
    changes = _parameters(name, before, after)
    if before.is_static != after.is_static:
        detail = "now called on the class" if after.is_static else "now called on an instance"
        changes.append(_changed("method", name, detail, "a call in the old way raises TypeError"))
    if before.sync_annotation != after.sync_annotation:
        detail = f"returned {_plain(before.sync_annotation)}, returns {_plain(after.sync_annotation)}"
        changes.append(_changed("method", name, detail, "what programs do with the result may fail, and no longer passes a type checker"))
    return changes


def _parameters(name: str, before: Method, after: Method) -> list[Change]:
    old, new = _by_name(before), _by_name(after)
    renamed = {
        gone: fresh for gone in old if gone not in new for fresh in new if fresh not in old and _same_field(old[gone][2], new[fresh][2])
    }
    changes = [
        Change(What.RENAMED, "parameter", f"{name}({gone}=)", f"now {fresh}", f"`{gone}=` raises TypeError; by position it works", True)
        for gone, fresh in renamed.items()
    ]
    changes += [_gone("parameter", f"{name}({one}=)", "giving it raises TypeError") for one in old if one not in new and one not in renamed]
    changes += [_new_parameter(name, one, new[one][1]) for one in new if one not in old and one not in renamed.values()]
    changes += [change for one in old if one in new for change in _parameter(f"{name}({one}=)", old[one], new[one])]
    kept = [renamed.get(one, one) for one in old if one in new or one in renamed]
    if list(new)[: len(kept)] != kept:
        detail = f"the order was {', '.join(old)}; it is {', '.join(new)}"
        changes.append(_changed("method", name, detail, "arguments given by position reach another parameter"))
    return changes


def _by_name(method: Method) -> dict[str, tuple[str, str | None, Field]]:
    """Return the annotation, default and field of each parameter, in call order."""
    found = {one.name: (one.annotation, one.default, one.field) for one in (*method.required, *method.optional)}
    if method.stream is None:
        return found
    required = {one.name: found[one.name] for one in method.required}
    return {**required, method.stream.parameter: ("ByteSource", None, method.stream.field), **found}


def _same_field(one: Field, other: Field) -> bool:
    return (one.owner, one.number, one.python_type) == (other.owner, other.number, other.python_type)


def _new_parameter(name: str, parameter: str, default: str | None) -> Change:
    if default is None:
        return Change(
            What.ADDED, "parameter", f"{name}({parameter}=)", "", "it must be given: every call without it raises TypeError", True
        )
    return Change(What.ADDED, "parameter", f"{name}({parameter}=)", f"{_plain(default)} when left out")


def _parameter(name: str, before: tuple[str, str | None, Field], after: tuple[str, str | None, Field]) -> list[Change]:
    changes: list[Change] = []
    if before[0] != after[0]:
        widened = after[0] == before[0] + _OPTIONAL
        detail = f"took {_plain(before[0])}, takes {_plain(after[0])}"
        changes.append(
            Change(What.CHANGED, "parameter", name, detail, "" if widened else "values of the old type are refused", not widened)
        )
    if before[1] != after[1]:
        must = after[1] is None
        detail = "must be given now" if must else f"{_plain(after[1] or '')} when left out, was {_plain(before[1] or 'required')}"
        changes.append(Change(What.CHANGED, "parameter", name, detail, "calls without it raise TypeError" if must else "", must))
    return changes


def _message_changes(before: Interface, after: Interface) -> list[Change]:
    old, new = _visible(before), _visible(after)
    changes = [_gone("class", name, f"`xenon.{name}` raises AttributeError") for name in old if name not in new]
    changes += [Change(What.ADDED, "class", name) for name in new if name not in old]
    described = {message.name for message in (*before.descriptions, *after.descriptions)}
    for name in old:
        if name in new:
            changes += _attributes(old[name], new[name], name in described)
    return changes


def _attributes(before: Message, after: Message, described: bool) -> list[Change]:
    old, new = ({field.python_name: field for field in message.fields} for message in (before, after))
    renamed = {gone: fresh for gone in old if gone not in new for fresh in new if fresh not in old and _same_field(old[gone], new[fresh])}
    effect = (
        f"setting it, as in `{before.name}(%s=…)`, and reading it raise AttributeError" if described else "reading it raises AttributeError"
    )
    shown = [name for name in old if name not in new]
    changes = [
        Change(What.RENAMED, "attribute", f"{before.name}.{name}", f"now {renamed[name]}", _about(effect, name), True)
        if name in renamed
        else _gone("attribute", f"{before.name}.{name}", _about(effect, name))
        for name in shown
    ]
    changes += [
        Change(What.ADDED, "attribute", f"{after.name}.{name}", _plain(field.python_type))
        for name, field in new.items()
        if name not in old and name not in renamed.values()
    ]
    return changes + [change for name in old if name in new for change in _attribute(old[name], new[name])]


def _about(effect: str, name: str) -> str:
    return effect.replace("%s", name)


def _attribute(before: Field, after: Field) -> list[Change]:
    changes: list[Change] = []
    if before.python_type != after.python_type:
        detail = f"was {_plain(before.python_type)}, is {_plain(after.python_type)}"
        changes.append(_changed("attribute", before.label, detail, "values of the old type are refused, or no longer come"))
    if (before.number, before.wire_type) != (after.number, after.wire_type):
        detail = f"has number {after.number}, had {before.number}" if before.number != after.number else "has another form on the wire"
        effect = "a client or server of the other release does not understand it"
        changes.append(_changed("attribute", before.label, detail, effect))
    return changes


def _visible(interface: Interface) -> dict[str, Message]:
    """Return the messages that programs see: parameters and results of methods, and the messages in them."""
    messages = {message.name: message for message in interface.messages}
    methods = [method for service in interface.services for method in service.methods]
    handles = {service.handle for service in interface.services}
    waiting = [field.type_name for method in methods for field in _shown_fields(method)]
    waiting += [method.response.name for method in methods if method.result.is_whole or method.identity]
    found: dict[str, Message] = {}
    while waiting:
        name = waiting.pop()
        if name in messages and name not in found and name not in handles:
            found[name] = messages[name]
            waiting += [field.type_name for field in _values(messages[name].fields)]
    return {name: found[name] for name in messages if name in found}


def _shown_fields(method: Method) -> list[Field]:
    shown = [parameter.field for parameter in method.parameters]
    return list(_values([*shown, *method.response.fields]))


def _values(fields: Sequence[Field]) -> list[Field]:
    return [field.value or field for field in fields if (field.value or field).shape is Shape.MESSAGE]


def _enum_changes(before: Interface, after: Interface) -> list[Change]:
    old, new = ({enum.class_name: enum for enum in interface.all_enums} for interface in (before, after))
    changes = [_gone("enumeration", name, f"`{name}` raises AttributeError") for name in old if name not in new]
    changes += [Change(What.ADDED, "enumeration", name) for name in new if name not in old]
    return changes + [change for name in old if name in new for change in _members(old[name], new[name])]


def _members(before: EnumModel, after: EnumModel) -> list[Change]:
    old, new = ({value.name: value.number for value in enum.values} for enum in (before, after))
    changes = _lost_members(before.class_name, old, new)
    fresh = [name for name in new if name not in old and new[name] not in {old[gone] for gone in old if gone not in new}]
    changes += [Change(What.ADDED, "member", f"{after.class_name}.{name}") for name in fresh]
    for name in old:
        if name in new and old[name] != new[name]:
            effect = "a client or server of the other release takes it for another"
            changes.append(_changed("member", f"{before.class_name}.{name}", f"is {new[name]}, was {old[name]}", effect))
    return changes


def _lost_members(owner: str, old: Mapping[str, int], new: Mapping[str, int]) -> list[Change]:
    changes: list[Change] = []
    for name in (name for name in old if name not in new):
        successor = next((fresh for fresh, number in new.items() if fresh not in old and number == old[name]), None)
        effect = "using it raises AttributeError"
        if successor:
            changes.append(Change(What.RENAMED, "member", f"{owner}.{name}", f"now {successor}", effect, True))
        else:
            changes.append(_gone("member", f"{owner}.{name}", effect))
    return changes


def _gone(kind: str, name: str, effect: str) -> Change:
    return Change(What.REMOVED, kind, name, "", effect, True)


def _changed(kind: str, name: str, detail: str, effect: str) -> Change:
    return Change(What.CHANGED, kind, name, detail, effect, True)


def _call(owner: str, method: Method) -> str:
    required = [one.name for one in method.required] + ([method.stream.parameter] if method.stream else [])
    optional = [f"{one.name}={_plain(one.default or '')}" for one in method.optional]
    return f"{owner}.{method.python_name}({', '.join([*required, *optional])})"


def _plain(annotation: str) -> str:
    """Return an annotation as a program would write it."""
    for prefix in ("builtins.", "messages.", "views."):
        annotation = annotation.replace(prefix, "")
    return annotation
