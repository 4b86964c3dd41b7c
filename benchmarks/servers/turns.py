"""Turns: in each round every contender does the task once, and another one begins each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import Answering, ContenderError
from benchmarks.results import Measure
from benchmarks.servers.contenders import EMBEDDED, worker
from benchmarks.servers.ground import Ground
from benchmarks.servers.scale import Scale
from benchmarks.servers.targets import LINES, is_missed
from pyxenon_testing.errors import TestingError

__all__ = ["Doer", "Run", "asking", "cannot", "milliseconds", "speed", "take_turns", "workers"]

Doer = Callable[[bool], Mapping[str, Any]]
"""Does a task, and answers with numbers; when it is given True, where it can, also with a ``profile``."""


@dataclass(frozen=True)
class Run:
    """What the measures work with. ``say`` takes a line for whoever is watching."""

    scale: Scale
    ground: Ground
    say: Callable[[str], None]


def take_turns(
    run: Run, measure: Measure, doers: Mapping[str, Doer], rounds: int, number: Callable[[Mapping[str, Any]], float], warm: bool = True
) -> Measure:
    """Have each of *doers* do its task *rounds* times, and put the *number* of each answer into *measure*, which is given back.

    One that fails is noted with its reason, and takes no further turns. With *warm* all do it once before, which counts for nothing. When
    the measure then misses what is wanted, the task is done once more to see where the time goes.
    """
    names = list(doers)
    for turn in range(0 if warm else 1, rounds + 1):
        said: list[str] = []
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if name in measure.notes:
                continue
            try:
                value = number(doers[name](False))
            except (ContenderError, TestingError) as error:
                measure.note(name, str(error))
                said.append(f"{name}: {error}")
                continue
            said.append(f"{name} {value:.4g} {measure.unit}")
            if turn:
                measure.add(name, value)
        run.say(f"{measure.name}, {f'round {turn} of {rounds}' if turn else 'warming up'}: {', '.join(said)}")
    if is_missed(measure):
        _profile(run, measure, doers[EMBEDDED])
    return measure


def cannot(measures: list[Measure], error: Exception) -> list[Measure]:
    """*measures*, of which none can be taken, with the reason."""
    for measure in measures:
        for name in (EMBEDDED, LINES[measure.name].against):
            if name:
                measure.note(name, str(error))
    return measures


@contextmanager
def workers(run: Run, *names: str) -> Iterator[dict[str, Answering]]:
    """The processes of these contenders, by name, ready for tasks; raises ContenderError when one cannot begin."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(worker(name, run.ground)) for name in names}


def asking(who: Answering, task: str, arguments: Mapping[str, Any]) -> Doer:
    """Has *who* do *task*."""
    return lambda sample: who.ask(task, sample=sample, **arguments)


def milliseconds(answer: Mapping[str, Any]) -> float:
    """The time that an answer tells."""
    return float(answer["seconds"]) * 1e3


def speed(mib: int) -> Callable[[Mapping[str, Any]], float]:
    """MiB a second, for *mib* MiB in the time that an answer tells."""
    return lambda answer: mib / float(answer["seconds"])


def _profile(run: Run, measure: Measure, doer: Doer) -> None:
    try:
        measure.profile = list(doer(True).get("profile", []))
    except (ContenderError, TestingError) as error:
        measure.profile = [f"no profile: {error}"]
    for line in measure.profile:
        run.say(f"    {line}")
