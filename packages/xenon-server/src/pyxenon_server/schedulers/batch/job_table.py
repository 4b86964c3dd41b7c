"""The jobs that somebody asked about, as many as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.tracking import Tracked

__all__ = ["JobTable"]

_MOST_KEPT = 10_000


class JobTable:
    """The jobs of one scheduler.

    The user's own jobs stay until they have ended, since each query covers all of them. Of the others (jobs that have ended, and those of
    other users) the last ten thousand are kept: when an older one is asked about again, the batch system is asked.

    Args:
        dialect: The words of the batch system.
        is_awaited: Tells whether somebody waits for a job, which is then kept.
    """

    def __init__(self, dialect: Dialect, is_awaited: Callable[[Tracked], bool]) -> None:
        self._dialect = dialect
        self._is_awaited = is_awaited
        self._open: dict[str, Tracked] = {}
        self._others: dict[str, Tracked] = {}  # the one that was asked about last is the last

    def __len__(self) -> int:
        return len(self._open) + len(self._others)

    def open(self) -> Iterator[Tracked]:
        """Iterate over the user's own jobs that have not ended."""
        return iter(self._open.values())

    def get(self, job: str) -> Tracked | None:
        """Return *job*; None when nobody asked about it, or too long ago."""
        return self._open.get(job) or self._others.get(job)

    def track(self, job: str) -> Tracked | None:
        """Return *job*, which is known from now on at least; None for what cannot be an id."""
        tracked = self.get(job)
        if tracked is None:
            parts = self._dialect.parse_id(job)
            if parts is None:
                return None
            tracked = Tracked(self._dialect, job, *parts)
        self.put(tracked)
        return tracked

    def put(self, tracked: Tracked) -> None:
        """Keep *tracked*, where it belongs now."""
        self.forget(tracked)
        if tracked.ours and not tracked.settled:
            self._open[tracked.job] = tracked
        else:
            self._others[tracked.job] = tracked
            self._drop()

    def forget(self, tracked: Tracked) -> None:
        """Drop *tracked*."""
        self._open.pop(tracked.job, None)
        self._others.pop(tracked.job, None)

    def _drop(self) -> None:
        """Drop the oldest of those that nobody waits for."""
        for tracked in list(islice(self._others.values(), max(0, len(self._others) - _MOST_KEPT))):
            if not self._is_awaited(tracked):
                self.forget(tracked)
