"""Measures, their targets, and the arithmetic of results."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.contenders import Contender
    from benchmarks.ground import Ground

__all__ = ["BASE", "MIB", "Answer", "Doer", "Found", "GetReady", "Measure", "Results", "Spread", "Trial", "Verdict", "verdicts", "worse"]

MIB = 1 << 20
BASE = "@base"
"""The suffix of a contender's name when the other checkout runs it."""
WORSE = 1.1
"""The ratio to the other checkout's number that counts as worse."""
Answer = Mapping[str, Any]
Doer = Callable[[bool], Answer]
"""Does a task and returns numbers; called with True, it adds a ``profile`` if it can."""
GetReady = Callable[["Ground", "Contender"], AbstractContextManager[Doer]]
_UNITS: Mapping[str, Callable[[Answer, str], float]] = {
    "s": lambda answer, key: answer[key],
    "ms": lambda answer, key: answer[key] * 1e3,
    "µs": lambda answer, key: answer[key] * 1e6,
    "MiB/s": lambda answer, key: answer["count"] / MIB / answer[key],
    "MiB": lambda answer, _: answer["bytes"] / MIB,
    "MB": lambda answer, _: answer["bytes"] / 1e6,
    "1/s": lambda answer, _: answer["rate"],
}


@dataclass(frozen=True)
class Measure:
    """A number that is read off each contender's answer: the one called ``key``, in ``unit``. Less is better, except for MiB/s.

    Attributes:
        title: The name of the measure, with the names of sizes in braces.
        pairs: The contenders compared: ours and the other, which may be empty. Targets apply to the first pair.
        faster: Ours must be at least this many times as fast as the other.
        longest: Ours may be at most this many times the other's number, and ``plus`` more.
        most: Ours may be at most this number.
    """

    name: str
    title: str
    unit: str
    pairs: tuple[tuple[str, str], ...]
    key: str = "seconds"
    faster: float | None = None
    longest: float | None = None
    plus: float = 0
    most: float | None = None

    def value(self, answer: Answer) -> float:
        """Read the number off an answer."""
        return _UNITS[self.unit](answer, self.key)

    def beside(self) -> Measure:
        """Return the measure that compares ours with the same of another checkout, without targets."""
        ours = dict.fromkeys(name for name, _ in self.pairs)
        return replace(self, pairs=tuple((name, name + BASE) for name in ours), faster=None, longest=None, most=None)


@dataclass(frozen=True)
class Trial:
    """A task that contenders do in turns, and the measures that are read off it.

    Attributes:
        ready: Gets a contender ready for the time of a ``with``.
        also: A second measure of the same answers.
        warm: True if each does it once beforehand, which does not count.
        setting: Holds while the contenders get ready and take their turns.
    """

    rounds: int
    ready: GetReady
    measure: Measure
    also: Measure | None = None
    warm: bool = True
    setting: Callable[[Ground], AbstractContextManager[object]] = lambda _ground: nullcontext()

    @property
    def measures(self) -> list[Measure]:
        """The one measure, or both."""
        return [self.measure, *([self.also] if self.also else [])]

    def measures_of(self, contender: str) -> list[Measure]:
        """Return the measures in which *contender* is compared."""
        return [measure for measure in self.measures if any(contender in pair for pair in measure.pairs)]

    @property
    def contenders(self) -> list[str]:
        """The names of all contenders, each once."""
        return list(dict.fromkeys(name for measure in self.measures for pair in measure.pairs for name in pair if name))

    def beside(self) -> Trial:
        """Return the same trial of this checkout beside another."""
        return replace(self, measure=self.measure.beside(), also=self.also and self.also.beside())


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return None when there are no *values*."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Found:
    """The numbers of each contender in the order of the rounds, reasons for missing ones, and a profile if a target is missed."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    profile: list[str] = field(default_factory=list)

    def note(self, contender: str, reason: object) -> None:
        """Keep the reason why *contender* has no numbers, without paths and addresses, which would identify a machine."""
        self.notes[contender] = re.sub(r"\S*/\S*/\S*", "...", " ".join(str(reason).split()))

    def spread(self, contender: str) -> Spread | None:
        """Return None when *contender* has no numbers."""
        return Spread.of(self.rounds.get(contender, []))

    def ratio(self, ours: str, other: str) -> Spread | None:
        """Divide the numbers of *ours* by those of *other* in the same rounds."""
        pairs = zip(self.rounds.get(ours, []), self.rounds.get(other, []), strict=False)
        return Spread.of([value / reference for value, reference in pairs if reference])


@dataclass
class Results:
    """The results of a run: ``environment`` describes the machine and versions, ``found`` has the numbers by the measure's name.

    ``load`` is the one-minute load average before the run, ``calibration`` the milliseconds of a fixed loop before, during and after it,
    and ``base`` the commit of the other checkout, or empty.
    """

    made: str
    quick: bool = False
    base: str = ""
    load: float = 0.0
    calibration: list[float] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Results:
        """Return the results that were written as JSON; raises KeyError or TypeError for anything else."""
        return cls(**{**content, "found": {name: Found(**found) for name, found in content["found"].items()}})


@dataclass(frozen=True)
class Verdict:
    """A target, the measurement, and whether it is met; ``met`` is None without a measurement."""

    wanted: str
    found: str
    met: bool | None


def verdicts(measure: Measure, found: Found, title: Callable[[str], str] = str) -> Iterator[Verdict]:
    """Yield a verdict for each target of *measure*. *title* returns the title of a contender."""
    ours, other = measure.pairs[0]
    own, reference, ratio = found.spread(ours), found.spread(other), found.ratio(ours, other)
    if measure.faster is not None:
        speed = ratio if measure.unit == "MiB/s" else found.ratio(other, ours)
        met = None if speed is None else speed.median >= measure.faster
        wanted = f"at least {'' if measure.faster == 1 else f'{measure.faster:g} times '}as fast as {title(other)}"
        yield Verdict(wanted, _times(speed, "times as fast"), met)
    if measure.longest is not None and measure.plus:
        limit = measure.longest * reference.median + measure.plus if reference else None
        wanted = f"at most {measure.longest:g} times the time of {title(other)} and {measure.plus:g} {measure.unit}"
        yield _limited(wanted, measure, own, limit)
    elif measure.longest is not None:
        met = None if ratio is None else ratio.median <= measure.longest
        yield Verdict(f"at most {measure.longest:g} times the time of {title(other)}", _times(ratio, "times the time"), met)
    if measure.most is not None:
        yield _limited(f"at most {measure.most:,g} {measure.unit}", measure, own, measure.most)


def worse(measure: Measure, found: Found, title: Callable[[str], str] = str) -> Iterator[str]:
    """Yield a line for each of ours that is worse than in the other checkout by more than a tenth, or fails only in this one."""
    for ours, other in measure.pairs:
        ratio = found.ratio(ours, other)
        if ratio and (1 / ratio.median if measure.unit == "MiB/s" else ratio.median) > WORSE:
            yield f"{measure.title}, {title(ours)}: {_times(ratio, 'times')}"
        elif ours in found.notes and other in found.rounds:
            yield f"{measure.title}, {title(ours)}: {found.notes[ours]}"


def _limited(wanted: str, measure: Measure, own: Spread | None, limit: float | None) -> Verdict:
    if own is None or limit is None:
        return Verdict(wanted, "not measured", None)
    return Verdict(wanted, f"{own.median:.3g} {measure.unit}, of {limit:,.4g} allowed", own.median <= limit)


def _times(ratio: Spread | None, words: str) -> str:
    return f"{ratio.median:.2f} {words} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "not measured"
