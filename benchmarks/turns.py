"""Turns: in each round every contender does the task once, and each round begins with another contender."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar

from benchmarks.contenders import Contender
from benchmarks.ground import Ground
from benchmarks.measure import Doer, Found, Trial, verdicts
from benchmarks.processes import ContenderError
from pyxenon_testing.errors import TestingError

__all__ = ["Turns"]

T = TypeVar("T")


class Turns:
    """The turns of one trial. A contender that fails is noted with the reason, and takes no further turns."""

    def __init__(self, ground: Ground, trial: Trial, contenders: Mapping[str, Contender], say: Callable[[str], None]) -> None:
        self.found = {measure.name: Found() for measure in trial.measures}
        self._ground, self._trial, self._say = ground, trial, say
        self._contenders = contenders
        self._doers: dict[str, Doer] = {}

    def take(self) -> dict[str, Found]:
        """Run all rounds, and return the results by the measure's name."""
        rounds, name = min(self._trial.rounds, self._ground.scale.rounds), self._trial.measure.name
        with ExitStack() as stack:
            self._attempt(self._trial.contenders, self._get_ready, stack)
            for number in range(0 if self._trial.warm else 1, rounds + 1):
                said = ", ".join(self._round(number))
                self._say(f"{name}, {f'round {number} of {rounds}' if number else 'warming up'}: {said}")
            self._profile()
        return self.found

    def _get_ready(self, stack: ExitStack) -> None:
        stack.enter_context(self._trial.setting(self._ground))
        for name in self._trial.contenders:
            who = self._contenders[name]
            doer = self._attempt([name], lambda who=who: stack.enter_context(self._trial.ready(self._ground, who)))
            if doer:
                self._doers[name] = doer

    def _round(self, number: int) -> Iterator[str]:
        names = list(self._doers)
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            answer = self._attempt([name], self._doers[name], False)
            if answer is None:
                del self._doers[name]
                continue
            for measure in self._trial.measures_of(name):
                yield f"{name} {measure.value(answer):.4g} {measure.unit}"
                if number:
                    self.found[measure.name].rounds.setdefault(name, []).append(measure.value(answer))

    def _profile(self) -> None:
        """Have ours do the task once more where a measure misses a target, to see where the time goes."""
        for measure in self._trial.measures:
            found, ours = self.found[measure.name], measure.pairs[0][0]
            if ours in self._doers and any(verdict.met is False for verdict in verdicts(measure, found)):
                answer = self._attempt([ours], self._doers[ours], True) or {}
                found.profile = list(answer.get("profile", []))

    def _attempt(self, names: list[str], step: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return step(*arguments)
        except (ContenderError, TestingError) as error:
            self._say(f"{self._trial.measure.name}: {', '.join(names)} cannot: {error}")
            for name in names:
                for measure in self._trial.measures_of(name):
                    self.found[measure.name].note(name, error)
            return None
