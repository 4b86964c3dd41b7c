"""Facts about the adaptors, asked of a live server: what ``protos/adaptors.json`` is made from.

The server's own descriptive sentences stay behind: they are not ours to publish, and ``protos/adaptors.toml`` has our own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeAlias

from adaptor_docs.errors import FactsError, TargetUnavailableError

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json]"

_SENTENCES = frozenset({"description"})
_ORDER = ("name", "supported_locations", "supported_credentials")
_PROPERTIES = "supported_properties"


class PropertyDescription(Protocol):
    """What a snapshot reads of a PropertyDescription message."""

    @property
    def name(self) -> str:
        """The full name."""
        ...

    @property
    def type(self) -> Enum:
        """The type; the name of the enum's member is what counts."""
        ...

    @property
    def default_value(self) -> str:
        """The default, as text."""
        ...


class AdaptorDescription(Protocol):
    """What a snapshot reads of a FileSystemAdaptorDescription or SchedulerAdaptorDescription message, beside its flags."""

    @property
    def name(self) -> str:
        """The adaptor's name."""
        ...

    @property
    def supported_locations(self) -> Sequence[str]:
        """The forms of location that it takes."""
        ...

    @property
    def supported_credentials(self) -> Sequence[str]:
        """The names of the credential types that it takes."""
        ...

    @property
    def supported_properties(self) -> Sequence[PropertyDescription]:
        """Its properties."""
        ...


def facts_of(descriptions: Iterable[AdaptorDescription]) -> list[dict[str, Json]]:
    """The facts in *descriptions*, which must be dataclasses as the SDK's messages are: sorted by name, the rest in the server's order.

    Every boolean field is taken for a flag. Raises :class:`~adaptor_docs.errors.FactsError` for a field of any other kind that is not
    known here, so that an interface that has grown is noticed.
    """
    return [_adaptor_facts(description) for description in sorted(descriptions, key=lambda description: description.name)]


def take_snapshot(target: str) -> str:
    """Connect to *target* and give its facts as the text of ``adaptors.json``. Blocks while a server starts.

    Raises :class:`~adaptor_docs.errors.TargetUnavailableError` when the target cannot be reached or does not answer.
    """
    return asyncio.run(_snapshot(target))


def facts_text(filesystems: Iterable[AdaptorDescription], schedulers: Iterable[AdaptorDescription]) -> str:
    """The text of ``adaptors.json``: the same descriptions give the same bytes, whatever order the server named the adaptors in."""
    facts = {"filesystems": facts_of(filesystems), "schedulers": facts_of(schedulers)}
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


async def _snapshot(target: str) -> str:
    # Imported here so that rendering, which is what code generation needs, works before the SDK's generated parts exist.
    import xenon_core
    from xenon_core.errors import XenonError

    try:
        async with await xenon_core.connect(target) as client:
            filesystems = await client.filesystems.get_adaptor_descriptions()
            schedulers = await client.schedulers.get_adaptor_descriptions()
    except XenonError as error:
        raise TargetUnavailableError(target, str(error)) from error
    return facts_text(filesystems, schedulers)


def _adaptor_facts(description: AdaptorDescription) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "name": description.name,
        "supported_locations": list(description.supported_locations),
        "supported_credentials": list(description.supported_credentials),
    }
    facts.update(_flags(description))
    facts[_PROPERTIES] = [_property_facts(each) for each in description.supported_properties]
    return facts


def _flags(description: AdaptorDescription) -> dict[str, bool]:
    if not dataclasses.is_dataclass(description):
        raise FactsError(f"the description of {description.name}", f"it is a {type(description).__name__}, not a message of the SDK")
    names = [field.name for field in dataclasses.fields(description) if not field.name.startswith("_")]
    rest = {name: getattr(description, name) for name in names if name not in {*_SENTENCES, *_ORDER, _PROPERTIES}}
    flags = {name: value for name, value in rest.items() if isinstance(value, bool)}
    unknown = sorted(set(rest) - set(flags))
    if unknown:
        raise FactsError(f"the description of {description.name}", f"it has {unknown}, which are no flags; teach them to this tool first")
    return flags


def _property_facts(description: PropertyDescription) -> dict[str, Json]:
    return {"name": description.name, "type": description.type.name, "default_value": description.default_value}
