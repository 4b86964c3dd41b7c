"""A cluster that answers what a test tells it, and what such a cluster prints."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from pyxenon_core.errors import XenonError
from pyxenon_server.schedulers.batch.commands import Answer, Commands
from pyxenon_server.schedulers.batch.dialect import Site
from pyxenon_server.schedulers.slurm.dialect import SlurmDialect
from pyxenon_server.schedulers.slurm.parsing import Record, parse_exit_code


def record(job: str, state: str, exit_code: str = "0:0", **fields: Any) -> Record:
    """What a cluster says of *job*, of the user 1000, on a node."""
    array, _, task = job.partition("_")
    usual = {"array": array, "task": task, "user": "1000", "partition": "main", "nodes": "n1", "submitted": 1000.0}
    if fields.get("source") == "sacct":
        usual["ended"] = 1010.0
    return Record(job=fields.pop("number", array), state=state, exit_code=parse_exit_code(exit_code), **{**usual, **fields})


class ToldCommands(Commands):
    """Commands of a cluster that does not exist.

    Attributes:
        queue: What ``squeue`` says, or how it fails.
        accounting: What ``sacct`` says, or how it fails.
        asked: The commands that were run.
    """

    def __init__(self) -> None:
        self.dialect = SlurmDialect(Site(user="1000"))
        self.place = "nowhere"
        self.queue: Iterable[Record] | XenonError = ()
        self.accounting: Iterable[Record] | XenonError = ()
        self.asked: list[str] = []
        self.under_way = 0
        self.most_under_way = 0
        self.seconds = 0.0

    async def query(self, command: str) -> Answer:
        self.asked.append(command)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
            return self._sacct(command) if command.startswith("sacct") else self._squeue(command)
        finally:
            self.under_way -= 1

    def _squeue(self, command: str) -> Answer:
        if isinstance(self.queue, XenonError):
            raise self.queue
        match = re.search(r",Name:(x\w+)n,", command)
        assert match
        numbers = re.search(r" -j (\S+)", command)
        wanted = [it for it in self.queue if not numbers or it.array in numbers[1].split(",")]
        if numbers and not wanted:
            return Answer(1, "", "slurm_load_jobs error: Invalid job id specified\n")
        return Answer(0, "".join(squeue_text(it, match[1]) for it in wanted), "")

    def _sacct(self, command: str) -> Answer:
        if isinstance(self.accounting, XenonError):
            raise self.accounting
        match = re.search(r"--delimiter=(\S+) -j (\S+)", command)
        assert match
        return Answer(0, "".join(sacct_text(it, match[1]) for it in self.accounting if it.array in match[2].split(",")), "")


def squeue_text(it: Record, token: str) -> str:
    """*it* as squeue prints it."""
    times = ("N/A" if moment is None else str(int(moment)) for moment in (it.submitted, it.started, it.ended))
    machine = (it.job, it.array, it.task or "N/A", it.state, str(it.exit_code), it.user, it.partition, *times, str(it.restarts), it.nodes)
    return "|".join((*machine, it.reason or "None", it.name)) + f"{token}n{it.comment or '(null)'}{token}c\n"


def sacct_text(it: Record, token: str) -> str:
    """*it* as sacct prints it."""
    number = f"{it.array}_{it.task}" if it.task else it.job
    times = ("Unknown" if moment is None else str(int(moment)) for moment in (it.submitted, it.started, it.ended))
    state = f"{it.state} by {it.by}" if it.by else it.state
    fields = (number, it.job, state, str(it.exit_code), it.user, it.partition, *times, it.nodes or "None assigned", it.comment, it.name)
    return token.join((*fields, "1000")) + "\n"
