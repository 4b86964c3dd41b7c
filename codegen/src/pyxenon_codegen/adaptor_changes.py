"""Find the differences between the adaptors of two servers, and what programs notice of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pyxenon_adaptor_docs.facts import KINDS, AdaptorFacts, Facts, PropertyFacts, parse_facts
from pyxenon_codegen.changes import Change, What

_CLASSES = {"filesystems": "FileSystem", "schedulers": "Scheduler"}


def adaptor_changes(before: str, after: str) -> list[Change]:
    """Return the differences between two texts of ``adaptors.json``; raises :class:`FactsError` for other text."""
    old, new = (parse_facts(json.loads(text), "the adaptors") for text in (before, after))
    return [change for kind in KINDS for change in _kind(kind, old, new)]


def _kind(kind: str, before: Facts, after: Facts) -> Iterator[Change]:
    old, new = ({adaptor.name: adaptor for adaptor in facts.of(kind)} for facts in (before, after))
    owner = _CLASSES[kind]
    for name in (name for name in old if name not in new):
        effect = f'`{owner}.create("{name}", …)` raises UnknownAdaptorException'
        yield Change(What.REMOVED, "adaptor", f"{owner} {name}", "", effect, True)
    for name in (name for name in new if name not in old):
        yield Change(What.ADDED, "adaptor", f"{owner} {name}", ", ".join(new[name].locations))
    for name in old:
        if name in new:
            yield from _adaptor(f"{owner} {name}", old[name], new[name])


def _adaptor(name: str, before: AdaptorFacts, after: AdaptorFacts) -> Iterator[Change]:
    yield from _lists(name, "location", before.locations, after.locations, "such a location may be refused")
    yield from _lists(name, "credential", before.credentials, after.credentials, "it raises InvalidCredentialException")
    yield from _flags(name, before, after)
    yield from _properties(name, before.properties, after.properties)


def _lists(name: str, kind: str, before: Iterable[str], after: Iterable[str], effect: str) -> Iterator[Change]:
    old, new = list(before), list(after)
    yield from (Change(What.REMOVED, kind, f"{name}: {item}", "", effect, True) for item in old if item not in new)
    yield from (Change(What.ADDED, kind, f"{name}: {item}") for item in new if item not in old)


def _flags(name: str, before: AdaptorFacts, after: AdaptorFacts) -> Iterator[Change]:
    for flag in [*before.flags, *(flag for flag in after.flags if flag not in before.flags)]:
        old, new = before.flags.get(flag), after.flags.get(flag)
        if old != new:
            lost = old is True
            effect = "what it stands for is no longer supported" if lost else ""
            yield Change(What.CHANGED, "flag", f"{name}: {flag}", f"was {_said(old)}, is {_said(new)}", effect, lost)


def _said(flag: bool | None) -> str:
    return "not there" if flag is None else str(flag).lower()


def _properties(name: str, before: Iterable[PropertyFacts], after: Iterable[PropertyFacts]) -> Iterator[Change]:
    old, new = ({each.name: each for each in properties} for properties in (before, after))
    for one in old:
        if one not in new:
            yield Change(What.REMOVED, "property", f"{name}: {one}", "", "setting it raises UnknownPropertyException", True)
    for one in new:
        if one not in old:
            yield Change(What.ADDED, "property", f"{name}: {one}", f"{new[one].type}, {new[one].default_value or '(empty)'} by default")
    for one in old:
        if one in new:
            yield from _property(f"{name}: {one}", old[one], new[one])


def _property(name: str, before: PropertyFacts, after: PropertyFacts) -> Iterator[Change]:
    if before.type != after.type:
        detail = f"was {before.type}, is {after.type}"
        yield Change(What.CHANGED, "property", name, detail, "values of the old type may raise PropertyTypeException", True)
    if before.default_value != after.default_value:
        yield Change(What.CHANGED, "property", name, f"{after.default_value!r} by default, was {before.default_value!r}")
