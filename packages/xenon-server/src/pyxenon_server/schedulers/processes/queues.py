"""The queues of a machine without a batch system: ``single``, ``multi`` and ``unlimited``, kept in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

from pyxenon_server.adaptors.job_state import QueueState

__all__ = ["MULTI", "SINGLE", "UNLIMITED", "Queue"]

J = TypeVar("J")

SINGLE, MULTI, UNLIMITED = "single", "multi", "unlimited"


class Queue(Generic[J]):
    """Jobs that wait, first in, first out, and those that run.

    Args:
        name: The queue's name.
        slots: How many of its jobs may run at once; None for any number.
    """

    def __init__(self, name: str, slots: int | None) -> None:
        self.name = name
        self.slots = slots
        self.waiting: deque[J] = deque()
        self.running: set[J] = set()

    def add(self, job: J) -> None:
        """Put *job* behind the others."""
        self.waiting.append(job)

    def take(self) -> J | None:
        """The job whose turn it is, which counts as running from now on; None when there is none, or no slot."""
        if not self.waiting or (self.slots is not None and len(self.running) >= self.slots):
            return None
        job = self.waiting.popleft()
        self.running.add(job)
        return job

    def remove(self, job: J) -> bool:
        """Let *job* go, whether it waits or runs; gives whether it was there."""
        if job in self.running:
            self.running.discard(job)
        elif job in self.waiting:
            self.waiting.remove(job)
        else:
            return False
        return True

    def state(self) -> QueueState:
        """How many wait and run, and how many may run."""
        counts: Mapping[str, object] = {"pending": len(self.waiting), "running": len(self.running), "slots": self.slots or "unlimited"}
        return QueueState(self.name, {key: str(value) for key, value in counts.items()})
