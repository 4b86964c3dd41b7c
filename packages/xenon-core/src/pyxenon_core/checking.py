"""Check requests to a server in this process, which are never encoded.

The checks find the same mistakes as the codec, with the same messages: both use the rules of :mod:`pyxenon_core.wire`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyxenon_core.betterproto import betterproto2
from pyxenon_core.wire import (
    each,
    entries,
    require_bool,
    require_bytes,
    require_int32,
    require_int64,
    require_one,
    require_uint32,
    require_uint64,
    utf8,
)

__all__ = ["check_message"]

Check = Callable[[Any, str], object]
# The fields of each oneof, and each field with its check and its label.
Rules = tuple[dict[str, list[str]], list[tuple[str, Check, str]]]


def _text(value: object, label: str) -> None:
    if not (isinstance(value, str) and value.isascii()):
        utf8(value, label)


_SCALARS: Mapping[str, Check] = {
    betterproto2.TYPE_STRING: _text,
    betterproto2.TYPE_BYTES: require_bytes,
    betterproto2.TYPE_BOOL: require_bool,
    betterproto2.TYPE_ENUM: require_int32,
    betterproto2.TYPE_INT32: require_int32,
    betterproto2.TYPE_INT64: require_int64,
    betterproto2.TYPE_UINT32: require_uint32,
    betterproto2.TYPE_UINT64: require_uint64,
}
_known: dict[type[Any], Rules] = {}


def check_message(message: Any, kind: type[Any], label: str = "") -> None:
    """Raise TypeError or ValueError, naming the field at fault, unless *message* is a *kind* that can be encoded."""
    if not isinstance(message, kind):
        raise TypeError(f"{label or kind.__name__} must be a {kind.__name__}, not {type(message).__name__}")
    oneofs, checks = _known.get(kind) or _rules(kind)
    for oneof, members in oneofs.items():
        require_one(message, oneof, *members)
    for name, check, field_label in checks:
        check(getattr(message, name), field_label)


def _rules(kind: Any) -> Rules:
    """Return the rules for a message class, made from betterproto's field descriptions."""
    described = kind._betterproto
    oneofs: dict[str, list[str]] = {}
    checks: list[tuple[str, Check, str]] = []
    for name, field in described.meta_by_field_name.items():
        if field.group:
            oneofs.setdefault(field.group, []).append(name)
        inner = described.cls_by_field[f"{name}.value" if field.map_meta else name]
        checks.append((name, _check(field, inner), f"{kind.__name__}.{name}"))
    _known[kind] = oneofs, checks
    return oneofs, checks


def _check(field: Any, kind: type[Any]) -> Check:
    """Return the check for a field whose values are of *kind*."""
    value_type = field.map_meta[1].proto_type if field.map_meta else field.proto_type
    one = _SCALARS.get(value_type) or (lambda value, label: check_message(value, kind, label))
    is_message = value_type == betterproto2.TYPE_MESSAGE
    if field.map_meta:
        return _each_entry(one) if is_message else _if_set(_each_entry(one))
    if field.repeated:
        return _if_set(_each_number(one)) if value_type == betterproto2.TYPE_ENUM else _each_item(one)
    return _if_present(one) if is_message or field.optional or field.group else _if_set(one)


def _if_set(check: Check) -> Check:
    return lambda value, label: check(value, label) if value else None


def _if_present(check: Check) -> Check:
    return lambda value, label: None if value is None else check(value, label)


def _each_item(check: Check) -> Check:
    def check_all(values: Any, label: str) -> None:
        for value in each(values, label):
            check(value, f"each of {label}")

    return check_all


def _each_number(check: Check) -> Check:
    def check_all(values: Any, label: str) -> None:
        for value in each(values, label):
            check(value, label)

    return check_all


def _each_entry(check: Check) -> Check:
    def check_all(values: Any, label: str) -> None:
        for key, value in entries(values, label):
            utf8(key, f"a key of {label}")
            check(value, f"{label}[{key!r}]")

    return check_all
