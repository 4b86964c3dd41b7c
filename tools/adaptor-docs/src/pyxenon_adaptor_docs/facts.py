"""The facts about the adaptors in ``protos/adaptors.json``: names, types, defaults and flags, but no sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyxenon_adaptor_docs.errors import FactsError

KINDS = ("filesystems", "schedulers")
_LISTS = ("supported_locations", "supported_credentials")


@dataclass(frozen=True)
class PropertyFacts:
    """One property: its full name, its type as the interface spells it (``SIZE``), and its default as text."""

    name: str
    type: str
    default_value: str


@dataclass(frozen=True)
class AdaptorFacts:
    """One adaptor. Locations, credentials, properties and flags are in the server's order."""

    name: str
    locations: tuple[str, ...]
    credentials: tuple[str, ...]
    flags: Mapping[str, bool]
    properties: tuple[PropertyFacts, ...]


@dataclass(frozen=True)
class Facts:
    """The adaptors of a server, each kind sorted by name. All adaptors of a kind have the same flags in the same order."""

    filesystems: tuple[AdaptorFacts, ...]
    schedulers: tuple[AdaptorFacts, ...]

    def of(self, kind: str) -> tuple[AdaptorFacts, ...]:
        """Return the adaptors of *kind*, one of :data:`KINDS`."""
        return {"filesystems": self.filesystems, "schedulers": self.schedulers}[kind]


def load_facts(path: Path) -> Facts:
    """Read the JSON file at *path*.

    Raises :class:`~pyxenon_adaptor_docs.errors.FactsError` if it is missing, is not JSON, or has another shape than
    :func:`pyxenon_adaptor_docs.snapshot.facts_of` returns.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FactsError(str(path), f"it cannot be read ({error.strerror}); make it with 'adaptor-docs collect'") from error
    except ValueError as error:
        raise FactsError(str(path), f"it is not JSON in UTF-8 ({error}); make it again with 'adaptor-docs collect'") from error
    return parse_facts(data, str(path))


def parse_facts(data: object, source: str) -> Facts:
    """Check *data*, the decoded JSON, and freeze it. *source* names it in a :class:`~pyxenon_adaptor_docs.errors.FactsError`."""
    reader = _Reader(source)
    kinds = reader.table(data, "the whole", KINDS)
    return Facts(*(reader.adaptors(kinds[kind], kind) for kind in KINDS))


@dataclass(frozen=True)
class _Reader:
    """Converts decoded JSON to facts; errors name the place that does not fit."""

    source: str

    def fail(self, reason: str) -> FactsError:
        return FactsError(self.source, reason)

    def table(self, value: object, where: str, keys: tuple[str, ...], more: bool = False) -> dict[str, Any]:
        """Return *value* as a table that has *keys*, and others only with *more*."""
        if not isinstance(value, dict):
            raise self.fail(f"{where} is not a table")
        found = {str(key): item for key, item in value.items()}
        missing = [key for key in keys if key not in found]
        extra = [] if more else [key for key in found if key not in keys]
        if missing or extra:
            raise self.fail(f"{where} lacks {missing}" if missing else f"{where} has {extra}, which this tool does not know")
        return found

    def text(self, value: object, where: str) -> str:
        if not isinstance(value, str):
            raise self.fail(f"{where} is not text")
        return value

    def name(self, value: object, where: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f"{where} is not a name")
        return value

    def items(self, value: object, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise self.fail(f"{where} is not a list")
        return value

    def unique(self, names: list[str], where: str) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self.fail(f"{where} names {twice} more than once")

    def adaptors(self, value: object, kind: str) -> tuple[AdaptorFacts, ...]:
        adaptors = [self.adaptor(item, kind) for item in self.items(value, kind)]
        self.unique([adaptor.name for adaptor in adaptors], kind)
        for adaptor in adaptors[1:]:
            if list(adaptor.flags) != list(adaptors[0].flags):
                raise self.fail(f"the flags of {kind}.{adaptor.name} are not those of {kind}.{adaptors[0].name}")
        return tuple(sorted(adaptors, key=lambda adaptor: adaptor.name))

    def adaptor(self, value: object, kind: str) -> AdaptorFacts:
        table = self.table(value, f"an adaptor of {kind}", ("name", *_LISTS, "supported_properties"), more=True)
        name = self.name(table.pop("name"), f"the name of an adaptor of {kind}")
        where = f"{kind}.{name}"
        locations, credentials = (self.texts(table.pop(key), f"{where}.{key}") for key in _LISTS)
        properties = self.properties(table.pop("supported_properties"), f"{where}.supported_properties")
        return AdaptorFacts(name, locations, credentials, self.flags(table, where), properties)

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        texts = [self.text(item, f"an item of {where}") for item in self.items(value, where)]
        self.unique(texts, where)
        return tuple(texts)

    def flags(self, table: Mapping[str, object], where: str) -> dict[str, bool]:
        flags = {key: value for key, value in table.items() if isinstance(value, bool)}
        unknown = sorted(set(table) - set(flags))
        if unknown:
            raise self.fail(f"{where} has {unknown}, neither a flag nor anything else this tool knows")
        return flags

    def properties(self, value: object, where: str) -> tuple[PropertyFacts, ...]:
        properties = [self.property(item, where) for item in self.items(value, where)]
        self.unique([each.name for each in properties], where)
        return tuple(properties)

    def property(self, value: object, where: str) -> PropertyFacts:
        table = self.table(value, f"an item of {where}", ("name", "type", "default_value"))
        name = self.name(table["name"], f"the name of an item of {where}")
        kind = self.name(table["type"], f"the type of {name}")
        return PropertyFacts(name, kind, self.text(table["default_value"], f"the default of {name}"))
