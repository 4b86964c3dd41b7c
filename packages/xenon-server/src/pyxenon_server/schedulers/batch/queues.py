"""The place when it is opened, and its queues when somebody asks."""

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
        known: Those that are known already.
    """

    def __init__(self, commands: Commands, known: Sequence[Queue] = ()) -> None:
        self._commands = commands
        self._dialect = commands.dialect
        self._known = list(known)
        self._learnt = time.monotonic() if known else float("-inf")

    async def all(self) -> list[Queue]:
        """Return the queues that the user may see, as they were a minute ago at most."""
        if time.monotonic() - self._learnt > _SECONDS_QUEUES_ARE_KEPT:
            self._known = self._dialect.parse_queues(await self._commands.ask(self._dialect.queues()))
            self._learnt = time.monotonic()
        return self._known

    async def default(self) -> Queue | None:
        """Return the queue of a job that names none; None when there is no such queue."""
        return next((queue for queue in await self.all() if queue.default), None)

    async def jobs(self, queues: Sequence[str]) -> list[str]:
        """Return the jobs in *queues*, or in all, which wait or run; arrays count as one. Raises NoSuchQueueException."""
        for queue in queues:
            await self.state(queue)
        return self._dialect.parse_jobs_in(await self._commands.ask(self._dialect.jobs_in(queues)))

    async def states(self, queues: Sequence[str]) -> list[QueueState]:
        """Return the states of *queues*, from one query; an unknown one is told in its state."""
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
        reason = f"there is no queue {queue!r}; the queues are {', '.join(known) or 'none'}"
        return QueueState(queue, error=NoSuchQueueException(reason, adaptor=self._dialect.name))


async def look_around(commands: Commands) -> tuple[Dialect, list[Queue]]:
    """Return the dialect of the place where *commands* run, and its queues, as one script tells them.

    Raises CommandNotFoundException where there is no such batch system, and NotConnectedException when it does not answer.
    """
    end = new_token()
    dialect = commands.dialect
    printed = await commands.ask(f"id -u && pwd && echo {end} && {dialect.probe()} && echo {end} && {dialect.queues()}")
    who, probed, queues = printed.split(f"{end}\n")
    user, _, home = who.partition("\n")
    return dialect.parse_probe(probed, user, home.removesuffix("\n")), dialect.parse_queues(queues)
