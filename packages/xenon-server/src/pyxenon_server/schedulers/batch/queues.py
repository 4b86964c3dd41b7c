"""Probe a site when a scheduler is opened, and query its queues on demand."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyxenon_core.errors import NoSuchQueueException
from pyxenon_server.adaptors.job_state import QueueState
from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.records import Queue
from pyxenon_server.schedulers.batch.tags import new_token

__all__ = ["Queues", "look_around"]

_SECONDS_QUEUES_ARE_KEPT = 60.0


class Queues:
    """The queues of a batch system.

    Args:
        commands: The batch system's commands.
        known: The queues, if they are known already.
    """

    def __init__(self, commands: Commands, known: Sequence[Queue] = ()) -> None:
        self._commands = commands
        self._dialect = commands.dialect
        self._known = list(known)
        self._learnt = time.monotonic() if known else float("-inf")

    async def all(self) -> list[Queue]:
        """Return the queues that the user may see; the answer is at most a minute old."""
        if time.monotonic() - self._learnt > _SECONDS_QUEUES_ARE_KEPT:
            self._known = self._dialect.parse_queues(await self._commands.ask(self._dialect.queues()))
            self._learnt = time.monotonic()
        return self._known

    async def default(self) -> Queue | None:
        """Return the queue for jobs that name none; None without a default queue."""
        return next((queue for queue in await self.all() if queue.default), None)

    async def jobs(self, queues: Sequence[str]) -> list[str]:
        """Return the ids of the waiting and running jobs in *queues*, or in all; an array is one job. Raises NoSuchQueueException."""
        for queue in queues:
            await self.state(queue)
        return self._dialect.parse_jobs_in(await self._commands.ask(self._dialect.jobs_in(queues)))

    async def states(self, queues: Sequence[str]) -> list[QueueState]:
        """Return the states of *queues*, from one query; the state of an unknown queue contains an error."""
        token = new_token()
        found = self._dialect.parse_queue_states(await self._commands.ask(self._dialect.queue_states(token)), token)
        return [QueueState(name, found[name]) if name in found else self._no_such(name, list(found)) for name in queues]

    async def state(self, queue: str) -> QueueState:
        """Return the state of *queue*; raises NoSuchQueueException."""
        (state,) = await self.states([queue])
        if state.error is not None:
            raise state.error
        return state

    def _no_such(self, queue: str, known: list[str]) -> QueueState:
        reason = f"unknown queue {queue!r}; the queues are {', '.join(known) or 'none'}"
        return QueueState(queue, error=NoSuchQueueException(reason, adaptor=self._dialect.name))


async def look_around(commands: Commands) -> tuple[Dialect, list[Queue]]:
    """Return the dialect for the site where *commands* run, and its queues, from one script.

    Raises CommandNotFoundException if the batch system is not installed, and NotConnectedException if it does not answer.
    """
    end = new_token()
    dialect = commands.dialect
    printed = await commands.ask(f"id -u && pwd && echo {end} && {dialect.probe()} && echo {end} && {dialect.queues()}")
    who, probed, queues = printed.split(f"{end}\n")
    user, _, home = who.partition("\n")
    return dialect.parse_probe(probed, user, home.removesuffix("\n")), dialect.parse_queues(queues)
