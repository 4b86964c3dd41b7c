"""Jobs that run into their time limit, which takes a minute: begun early, and looked at late."""

from __future__ import annotations

import xenon
from conformance.batch import shell
from conformance.places import Place
from pyxenon_core.messages import Job

__all__ = ["Overrunning"]

ADAPTORS = ("local", "ssh")


class Overrunning:
    """One job for each scheduler without a cluster, which may run for a minute and would run for longer."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], tuple[xenon.Scheduler, Job]] = {}

    def begin(self, place: Place) -> None:
        """Begin the job of *place*, if there is to be one and it has not begun."""
        key = (place.server, place.adaptor)
        if place.adaptor in ADAPTORS and key not in self._begun:
            scheduler = place.create()
            self._begun[key] = scheduler, scheduler.submit_batch_job(shell("exec sleep 150", max_runtime=1))

    def job(self, place: Place) -> tuple[xenon.Scheduler, Job]:
        """The scheduler and the job."""
        self.begin(place)
        return self._begun[place.server, place.adaptor]

    def close(self) -> None:
        """Close the schedulers."""
        for scheduler, _ in self._begun.values():
            scheduler.close()
