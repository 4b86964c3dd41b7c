"""Find and describe differences between facts: of a snapshot and a running server, or of two servers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from pyxenon_adaptor_docs.facts import KINDS, AdaptorFacts, Facts, PropertyFacts

KIND_NAMES = {"filesystems": "file system", "schedulers": "scheduler"}
# Differences that only programs which print lists could notice.
ORDERS = frozenset({"order of the locations", "order of the credentials", "order of the properties"})


@dataclass(frozen=True)
class Difference:
    """A difference in an ``aspect`` (``property``, ``default of`` …) of ``name``: the value of each side, or None if it has none."""

    aspect: str
    name: str
    first: str | None
    second: str | None

    def tell(self, first: str, second: str, quote: Callable[[str], str] = repr) -> str:
        """Return a sentence without its full stop; *first* and *second* name the sides, and *quote* marks names and values."""
        what = f"the {self.aspect} {quote(self.name)}" if self.name else f"the {self.aspect}"
        if self.first is None or self.second is None:
            return f"only {first if self.second is None else second} has {what}"
        return f"{what} is {quote(self.first)} with {first}, and {quote(self.second)} with {second}"


def differences(first: Facts, second: Facts) -> dict[tuple[str, str], list[Difference]]:
    """Return the differences between two servers, or a snapshot and a server, by kind and name of the adaptor."""
    found: dict[tuple[str, str], list[Difference]] = {}
    for kind in KINDS:
        one, other = ({adaptor.name: adaptor for adaptor in facts.of(kind)} for facts in (first, second))
        for name in sorted({*one, *other}):
            if name in one and name in other:
                of_this = adaptor_differences(one[name], other[name])
            else:
                of_this = list(_presence("adaptor", {name: ""} if name in one else {}, {name: ""} if name in other else {}))
            if of_this:
                found[kind, name] = of_this
    return found


def adaptor_differences(first: AdaptorFacts, second: AdaptorFacts) -> list[Difference]:
    """Return the differences between two descriptions of an adaptor."""
    one, other = ({each.name: each for each in facts.properties} for facts in (first, second))
    return [
        *_list("location", first.locations, second.locations),
        *_list("credential", first.credentials, second.credentials),
        *_flags(first.flags, second.flags),
        *_list("property", list(one), list(other)),
        *(found for name, each in one.items() if name in other for found in _property(each, other[name])),
    ]


def tell_all(found: Mapping[tuple[str, str], list[Difference]], first: str, second: str) -> list[str]:
    """Return a line for each difference, with its adaptor."""
    return [f"{KIND_NAMES[kind]} {name}: {each.tell(first, second)}" for (kind, name), them in found.items() for each in them]


def _presence(aspect: str, first: Collection[str], second: Collection[str]) -> Iterator[Difference]:
    yield from (Difference(aspect, name, name, None) for name in first if name not in second)
    yield from (Difference(aspect, name, None, name) for name in second if name not in first)


def _list(aspect: str, first: Collection[str], second: Collection[str]) -> Iterator[Difference]:
    yield from _presence(aspect, first, second)
    one, other = [name for name in first if name in second], [name for name in second if name in first]
    if one != other:
        yield Difference(f"order of the {aspect}s".replace("ys", "ies"), "", ", ".join(one), ", ".join(other))


def _flags(first: Mapping[str, bool], second: Mapping[str, bool]) -> Iterator[Difference]:
    yield from _presence("flag", list(first), list(second))
    for name, value in first.items():
        if name in second and second[name] is not value:
            yield Difference("flag", name, _spelt(value), _spelt(second[name]))


def _spelt(value: bool) -> str:
    return "true" if value else "false"


def _property(first: PropertyFacts, second: PropertyFacts) -> Iterator[Difference]:
    if first.type != second.type:
        yield Difference("type of", first.name, first.type, second.type)
    if first.default_value != second.default_value:
        yield Difference("default of", first.name, first.default_value, second.default_value)
