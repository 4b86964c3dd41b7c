"""The servers that have adaptors, and their descriptions of each adaptor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyxenon_adaptor_docs.facts import AdaptorFacts, Facts, PropertyFacts

# The targets whose servers have a snapshot of facts, in the order of the page, and the file of the snapshot.
SNAPSHOTS: Mapping[str, Path] = {"embedded": Path("protos/adaptors-embedded.json"), "java": Path("protos/adaptors.json")}
SERVERS = tuple(SNAPSHOTS)

T = TypeVar("T")


@dataclass(frozen=True)
class JoinedAdaptor:
    """One adaptor; ``facts`` has the description of each server that has it, by server name, in the order of :data:`SERVERS`."""

    name: str
    facts: Mapping[str, AdaptorFacts]

    @property
    def locations(self) -> list[str]:
        """The forms of location that any server accepts."""
        return merged(each.locations for each in self.facts.values())

    @property
    def credentials(self) -> list[str]:
        """The types of credential that any server accepts."""
        return merged(each.credentials for each in self.facts.values())

    @property
    def flags(self) -> list[str]:
        """The names of the flags that any server has."""
        return merged(each.flags for each in self.facts.values())

    @property
    def properties(self) -> list[str]:
        """The names of the properties that any server has."""
        return merged((each.name for each in facts.properties) for facts in self.facts.values())

    def flag(self, name: str) -> dict[str, bool]:
        """Return the value of the flag *name* for each server that has it."""
        return {server: facts.flags[name] for server, facts in self.facts.items() if name in facts.flags}

    def property(self, name: str) -> dict[str, PropertyFacts]:
        """Return the property *name* of each server that has it."""
        return {server: each for server, facts in self.facts.items() for each in facts.properties if each.name == name}


def join(facts: Mapping[str, Facts], kind: str) -> tuple[JoinedAdaptor, ...]:
    """Return the adaptors of *kind* that any server has, sorted by name; *facts* has the facts by server name."""
    of_kind = {server: {adaptor.name: adaptor for adaptor in each.of(kind)} for server, each in facts.items()}
    names = sorted({name for adaptors in of_kind.values() for name in adaptors})
    return tuple(JoinedAdaptor(name, {server: of_kind[server][name] for server in facts if name in of_kind[server]}) for name in names)


def merged(lists: Iterable[Iterable[T]]) -> list[T]:
    """Return every item of *lists* once, each after its predecessor in its own list."""
    result: list[T] = []
    for items in lists:
        place = 0
        for item in items:
            if item not in result:
                result.insert(place, item)
            place = result.index(item) + 1
    return result
