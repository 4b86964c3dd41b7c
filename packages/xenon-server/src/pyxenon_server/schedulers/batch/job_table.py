"""The jobs that clients have asked about, up to a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.tracking import Tracked

__all__ = ["JobTable"]

_MOST_KEPT = 10_000


class JobTable:
    """The jobs of one scheduler.

    The user's own jobs stay until they have ended, since each query covers all of them. Of the others (ended jobs, and those of other
    users) the last ten thousand are kept; for older ones the batch system is asked again.

    Args:
        dialect: The dialect of the batch system.
        is_awaited: Returns True if a client waits for a job, which is then kept.
    """

    def __init__(self, dialect: Dialect, is_awaited: Callable[[Tracked], bool]) -> None:
        self._dialect = dialect
        self._is_awaited = is_awaited
        self._open: dict[str, Tracked] = {}
        self._others: dict[str, Tracked] = {}  # the most recently used is the last

    def __len__(self) -> int:
        return len(self._open) + len(self._others)

    def open(self) -> Iterator[Tracked]:
        """Iterate over the user's own jobs that have not ended."""
        return iter(self._open.values())

    def get(self, job: str) -> Tracked | None:
        """Return *job*; None if it is not kept."""
        return self._open.get(job) or self._others.get(job)

    def track(self, job: str) -> Tracked | None:
        """Return *job*, adding it if it is new; None if *job* cannot be an id."""
        tracked = self.get(job)
        if tracked is None:
            parts = self._dialect.parse_id(job)
            if parts is None:
                return None
            tracked = Tracked(self._dialect, job, *parts)
        self.put(tracked)
        return tracked

    def put(self, tracked: Tracked) -> None:
        """Store *tracked* among the open or the other jobs, as its state requires."""
        self.forget(tracked)
        if tracked.ours and not tracked.settled:
            self._open[tracked.job] = tracked
        else:
            self._others[tracked.job] = tracked
            self._drop()

    def forget(self, tracked: Tracked) -> None:
        """Remove *tracked*."""
        self._open.pop(tracked.job, None)
        self._others.pop(tracked.job, None)

    def _drop(self) -> None:
        """Remove the oldest jobs beyond the limit, except those that a client waits for."""
        for tracked in list(islice(self._others.values(), max(0, len(self._others) - _MOST_KEPT))):
            if not self._is_awaited(tracked):
                self.forget(tracked)
