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
    """A first-in, first-out queue: its waiting and its running jobs.

    Args:
        name: The queue's name.
        slots: The maximum number of its jobs that run at once; None for no limit.
    """

    def __init__(self, name: str, slots: int | None) -> None:
        self.name = name
        self.slots = slots
        self.waiting: deque[J] = deque()
        self.running: set[J] = set()

    def add(self, job: J) -> None:
        """Add *job* at the end."""
        self.waiting.append(job)

    def take(self) -> J | None:
        """Return the next job and count it as running; None if no job waits or no slot is free."""
        if not self.waiting or (self.slots is not None and len(self.running) >= self.slots):
            return None
        job = self.waiting.popleft()
        self.running.add(job)
        return job

    def remove(self, job: J) -> bool:
        """Remove *job*, whether it waits or runs; return True if it was in the queue."""
        if job in self.running:
            self.running.discard(job)
        elif job in self.waiting:
            self.waiting.remove(job)
        else:
            return False
        return True

    def state(self) -> QueueState:
        """Return the queue's state: the numbers of waiting jobs, running jobs and slots."""
        counts: Mapping[str, object] = {"pending": len(self.waiting), "running": len(self.running), "slots": self.slots or "unlimited"}
        return QueueState(self.name, {key: str(value) for key, value in counts.items()})
