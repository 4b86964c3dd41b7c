"""What came out: numbers by measure, contender and round, and what they amount to."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Measure", "Results", "Spread"]


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """The spread of *values*; None when there are none."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Measure:
    """One thing that was measured.

    ``rounds`` has the numbers of each contender, in ``unit``, in the order of the rounds; ``notes`` says of a contender why it has none.
    ``profile`` says where the time goes, in lines, for a measure that misses what was wanted of it.
    """

    name: str
    title: str
    unit: str
    rounds: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    profile: list[str] = field(default_factory=list)

    def add(self, contender: str, value: float) -> None:
        """Take the number of one round."""
        self.rounds.setdefault(contender, []).append(value)

    def note(self, contender: str, reason: str) -> None:
        """Take the reason why *contender* has no numbers, without the paths and addresses in it, which tell of a machine."""
        self.notes[contender] = re.sub(r"\S*/\S*/\S*", "...", reason)

    def spread(self, contender: str) -> Spread | None:
        """What *contender* did; None when it did nothing."""
        return Spread.of(self.rounds.get(contender, []))

    def ratio(self, contender: str, base: str) -> Spread | None:
        """The numbers of *contender* over those of *base* in the same rounds."""
        pairs = zip(self.rounds.get(contender, []), self.rounds.get(base, []), strict=False)
        return Spread.of([value / reference for value, reference in pairs if reference])


@dataclass
class Results:
    """All of a run.

    ``environment`` tells what it ran on, ``file_mib`` how large the files were, and ``quick`` that it was only a trial. ``measures`` are
    those of the clients, which all use the Java server, and ``servers`` those of the server in this process.
    """

    made: str
    quick: bool
    file_mib: int
    environment: dict[str, Any]
    measures: dict[str, Measure] = field(default_factory=dict)
    servers: dict[str, Measure] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, and the spreads beside the rounds they come from."""
        content = asdict(self)
        for part, measures in (("measures", self.measures), ("servers", self.servers)):
            for name, measure in measures.items():
                spreads = {contender: measure.spread(contender) for contender in measure.rounds}
                content[part][name]["spreads"] = {key: asdict(value) for key, value in spreads.items() if value}
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Results:
        """The results that :meth:`as_json` gave; raises KeyError for anything else."""
        measures, servers = (_measures(content[part]) for part in ("measures", "servers"))
        return cls(content["made"], content["quick"], content["file_mib"], content["environment"], measures, servers)


def _measures(content: Mapping[str, Any]) -> dict[str, Measure]:
    return {
        name: Measure(name, measure["title"], measure["unit"], measure["rounds"], measure["notes"], measure["profile"])
        for name, measure in content.items()
    }
