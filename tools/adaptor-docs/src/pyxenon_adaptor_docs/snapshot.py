"""Ask a running server for the facts about its adaptors, for ``protos/adaptors.json`` and ``protos/adaptors-embedded.json``.

The server's descriptive sentences are left out: they are not ours to publish, and ``protos/adaptors.toml`` has our own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any, TypeAlias

from pyxenon_adaptor_docs.errors import FactsError, TargetUnavailableError
from pyxenon_adaptor_docs.facts import Facts, parse_facts

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json]"
# A FileSystemAdaptorDescription or SchedulerAdaptorDescription: the SDK's dataclass, or a message of google.protobuf of any release.
AdaptorDescription: TypeAlias = Any

_SENTENCES = frozenset({"description"})
_NAMES = ("supported_locations", "supported_credentials")
_PROPERTIES = "supported_properties"
_OF_A_PROPERTY = ("name", "type", "default_value")
_KNOWN = frozenset({"name", _PROPERTIES, *_NAMES, *_SENTENCES})


def facts_of(descriptions: Iterable[AdaptorDescription]) -> list[dict[str, Json]]:
    """Return the facts in *descriptions*, sorted by adaptor name, the rest in the server's order.

    A description is a dataclass, such as a message of the SDK, or a message of ``google.protobuf``, of any release of the interface: every
    boolean field counts as a flag, and a list that the release lacks is empty. Raises
    :class:`~pyxenon_adaptor_docs.errors.FactsError` for any other unknown field, so that additions to the interface are noticed.
    """
    found = [_adaptor_facts(_fields(description)) for description in descriptions]
    return sorted(found, key=lambda facts: str(facts["name"]))


def facts_text(filesystems: Iterable[AdaptorDescription], schedulers: Iterable[AdaptorDescription]) -> str:
    """Return the text of ``adaptors.json``: the same descriptions give the same bytes, in whatever order the server lists the adaptors."""
    facts = {"filesystems": facts_of(filesystems), "schedulers": facts_of(schedulers)}
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def take_snapshot(target: str) -> str:
    """Connect to *target* and return its facts as the text of ``adaptors.json``. Blocks while a server starts.

    Raises :class:`~pyxenon_adaptor_docs.errors.TargetUnavailableError` if the target cannot be reached or does not answer.
    """
    return asyncio.run(_snapshot(target))


def ask(target: str) -> Facts:
    """Return the facts of *target*, frozen; blocks and raises like :func:`take_snapshot`."""
    return parse_facts(json.loads(take_snapshot(target)), target)


async def _snapshot(target: str) -> str:
    # Imported late: code generation renders the page before the generated parts of the SDK exist.
    import pyxenon_core
    from pyxenon_core.errors import XenonError

    try:
        async with await pyxenon_core.connect(target) as client:
            filesystems = await client.filesystems.get_adaptor_descriptions()
            schedulers = await client.schedulers.get_adaptor_descriptions()
    except XenonError as error:
        raise TargetUnavailableError(target, str(error)) from error
    return facts_text(filesystems, schedulers)


def _fields(message: Any) -> dict[str, Any]:
    """Return the fields of a message by name; an enum value as its name in the interface."""
    if dataclasses.is_dataclass(message):
        return {name: value for name, value in _dataclass_fields(message) if not name.startswith("_")}
    if hasattr(message, "DESCRIPTOR"):
        return dict(_protobuf_fields(message))
    name = getattr(message, "name", "something")
    raise FactsError(f"the description of {name}", f"it is a {type(message).__name__}, not a message of the SDK or of google.protobuf")


def _dataclass_fields(message: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        yield field.name, _enum_name(value) if isinstance(value, IntEnum) else value


def _protobuf_fields(message: Any) -> Iterator[tuple[str, Any]]:
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.enum_type is not None and isinstance(value, int):
            known = field.enum_type.values_by_number
            value = known[value].name if value in known else str(value)
        yield field.name, value


def _enum_name(value: IntEnum) -> str:
    # betterproto gives no name to a value that the SDK does not know.
    return value.name or str(int(value))


def _adaptor_facts(fields: dict[str, Any]) -> dict[str, Json]:
    return {
        "name": fields["name"],
        **{name: list(fields.get(name, ())) for name in _NAMES},
        **_flags(fields),
        _PROPERTIES: [_property_facts(_fields(each)) for each in fields.get(_PROPERTIES, ())],
    }


def _flags(fields: dict[str, Any]) -> dict[str, bool]:
    rest = {name: value for name, value in fields.items() if name not in _KNOWN}
    flags = {name: value for name, value in rest.items() if isinstance(value, bool)}
    unknown = sorted(set(rest) - set(flags))
    if unknown:
        raise FactsError(f"the description of {fields['name']}", f"it has {unknown}, which are no flags; teach them to this tool first")
    return flags


def _property_facts(fields: dict[str, Any]) -> dict[str, Json]:
    unknown = sorted(set(fields) - {*_OF_A_PROPERTY, *_SENTENCES})
    if unknown:
        raise FactsError(f"the description of {fields['name']}", f"it has {unknown}; teach them to this tool first")
    return {name: fields[name] for name in _OF_A_PROPERTY}
