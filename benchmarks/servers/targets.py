"""What is wanted of the server in this process, beside what people would use instead of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.results import Measure, Spread
from benchmarks.servers.contenders import EMBEDDED, JAVA, JAVA_ASKED_OFTEN, OPENSSH, PLAIN, SHELL, TITLES
from benchmarks.targets import Verdict

__all__ = ["LINES", "Line", "is_missed", "judge"]


@dataclass(frozen=True)
class Line:
    """What is wanted in one measure; nothing where neither of the limits is given.

    Attributes:
        against: The other contender; empty where there is none.
        faster: How many times as fast as that it should be at least.
        longest: How many times as long as that it may take at most.
        most: The highest number, in the unit of the measure.
    """

    against: str = ""
    faster: float | None = None
    longest: float | None = None
    most: float | None = None


_EQUAL = Line(OPENSSH, faster=1)
_TWICE = Line(OPENSSH, faster=2)
LINES: dict[str, Line] = {
    "embedded-start": Line(JAVA, faster=10, most=150),
    "embedded-exists": Line(JAVA, faster=4),
    "embedded-list": Line(PLAIN, longest=6),
    "embedded-read": Line(PLAIN, faster=0.5),
    "embedded-write": Line(PLAIN, faster=0.5),
    "embedded-memory": Line(most=100),
    "sftp-read": _EQUAL,
    "sftp-write": _EQUAL,
    "sftp-copy-from": _EQUAL,
    "sftp-copy-to": _EQUAL,
    "sftp-copy-there": _EQUAL,
    "sftp-read-latency": _TWICE,
    "sftp-write-latency": _TWICE,
    "sftp-copy-from-latency": _TWICE,
    "sftp-copy-to-latency": _TWICE,
    "sftp-tree-from": _TWICE,
    "sftp-tree-to": _TWICE,
    "embedded-job": Line(JAVA, faster=10),
    "embedded-job-asked-often": Line(JAVA_ASKED_OFTEN),
    "ssh-job": Line(JAVA, faster=15),
    "ssh-job-asked-often": Line(JAVA_ASKED_OFTEN),
    "slurm": Line(SHELL, longest=1.3),
    "slurm-queries": Line(most=1),
}


def judge(measures: Iterable[Measure]) -> list[Verdict]:
    """A verdict for each thing that is wanted in *measures*."""
    return [verdict for measure in measures for verdict in _verdicts(measure)]


def is_missed(measure: Measure) -> bool:
    """Whether something that is wanted in *measure* was measured, and is not so."""
    return any(verdict.met is False for verdict in _verdicts(measure))


def _verdicts(measure: Measure) -> Iterator[Verdict]:
    line = LINES[measure.name]
    if line.faster is not None or line.longest is not None:
        speed = _speed(measure, line.against)
        least = line.faster if line.faster is not None else 1 / (line.longest or 1)
        yield Verdict(measure.title, _wanted(line), _found(line, speed), None if speed is None else speed.median >= least)
    if line.most is not None:
        found = measure.spread(EMBEDDED)
        words = "not measured" if found is None else f"{found.median:.3g} {measure.unit}"
        yield Verdict(measure.title, f"at most {line.most:g} {measure.unit}", words, None if found is None else found.median <= line.most)


def _speed(measure: Measure, against: str) -> Spread | None:
    """How many times as fast it is as the other."""
    more_is_better = measure.unit.endswith("/s")
    return measure.ratio(EMBEDDED, against) if more_is_better else measure.ratio(against, EMBEDDED)


def _wanted(line: Line) -> str:
    if line.longest is not None:
        return f"at most {line.longest:g} times the time of {TITLES[line.against]}"
    return f"at least {'' if line.faster == 1 else f'{line.faster:g} times '}as fast as {TITLES[line.against]}"


def _found(line: Line, speed: Spread | None) -> str:
    if speed is None:
        return "not measured"
    if line.longest is not None:
        return f"{1 / speed.median:.2f} times the time ({1 / speed.high:.2f} to {1 / speed.low:.2f})"
    return f"{speed.median:.2f} times as fast ({speed.low:.2f} to {speed.high:.2f})"
