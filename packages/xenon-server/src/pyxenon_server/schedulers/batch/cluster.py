"""What is found out about a cluster: once, when it is opened, and about its queues when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyxenon_core.errors import NoSuchQueueException
from pyxenon_server.adaptors.job_state import QueueState
from pyxenon_server.schedulers.batch.commands import NAME, Commands, new_token
from pyxenon_server.schedulers.slurm.parsing import PARTITIONS, Configuration, Partition, parse_configuration, parse_partitions
from pyxenon_server.shells.words import quote

__all__ = ["Cluster", "look_around"]

_SECONDS_PARTITIONS_ARE_KEPT = 60.0
# The columns, as sinfo heads them, by the letters that ask for them.
_COLUMNS = {
    "%R": "PARTITION",
    "%a": "AVAIL",
    "%l": "TIMELIMIT",
    "%L": "DEFAULTTIME",
    "%D": "NODES",
    "%F": "NODES(A/I/O/T)",
    "%C": "CPUS(A/I/O/T)",
    "%N": "NODELIST",
}


@dataclass
class Cluster:
    """A cluster.

    Attributes:
        user: The number of the user there.
        home: The directory in which commands start.
        configuration: What matters of its configuration.
    """

    user: str
    home: str
    configuration: Configuration
    _partitions: list[Partition] = field(default_factory=list)
    _learnt: float = 0.0

    async def partitions(self, commands: Commands) -> list[Partition]:
        """The partitions that the user may see, as they were a minute ago at most."""
        if time.monotonic() - self._learnt > _SECONDS_PARTITIONS_ARE_KEPT:
            self.learn(await commands.ask(PARTITIONS))
        return self._partitions

    def learn(self, printed: str) -> None:
        """Take note of what :data:`~pyxenon_server.schedulers.slurm.parsing.PARTITIONS` printed."""
        self._partitions, self._learnt = parse_partitions(printed), time.monotonic()

    async def jobs(self, commands: Commands, queues: Sequence[str]) -> list[str]:
        """The numbers of the jobs in *queues*, or in all, which wait or run; arrays count as one. Raises NoSuchQueueException."""
        for queue in queues:
            await self._require(commands, queue)
        choice = f"-p {quote(','.join(queues))}" if queues else ""
        printed = await commands.ask(f"squeue -h -a {choice} -o '%F'")
        return list(dict.fromkeys(line.strip() for line in printed.splitlines() if line.strip().isdigit()))

    async def queue_states(self, commands: Commands, queues: Sequence[str]) -> list[QueueState]:
        """What is known of *queues*, from one query; an unknown one is told in its state."""
        end = new_token()
        form = "|".join(_COLUMNS)
        printed = await commands.ask(f"sinfo -h -a -o '{form}{end}'")
        rows = [line.removesuffix(end).split("|") for line in printed.splitlines() if line.endswith(end)]
        found = {row[0]: dict(zip(_COLUMNS.values(), row, strict=True)) for row in rows}
        return [QueueState(name, found[name]) if name in found else QueueState(name, error=_no_such(name, list(found))) for name in queues]

    async def _require(self, commands: Commands, queue: str) -> None:
        (state,) = await self.queue_states(commands, [queue])
        if state.error is not None:
            raise state.error


async def look_around(commands: Commands) -> Cluster:
    """Find out about the cluster, with one script.

    Raises CommandNotFoundException where there is no Slurm, and NotConnectedException when its controller does not answer.
    """
    end = new_token()
    printed = await commands.ask(f"id -u && pwd && echo {end} && scontrol show config && echo {end} && {PARTITIONS}")
    who, configuration, partitions = printed.split(f"{end}\n")
    user, _, home = who.partition("\n")
    cluster = Cluster(user, home.removesuffix("\n"), parse_configuration(configuration))
    cluster.learn(partitions)
    return cluster


def _no_such(queue: str, known: list[str]) -> NoSuchQueueException:
    return NoSuchQueueException(f"there is no queue {queue!r}; there are {', '.join(known) or 'none'}", adaptor=NAME)
