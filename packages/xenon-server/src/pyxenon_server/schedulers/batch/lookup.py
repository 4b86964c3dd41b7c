"""Finding jobs by the tag that ends their comment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pyxenon_server.schedulers.batch.commands import Commands, new_token
from pyxenon_server.schedulers.slurm.parsing import (
    Configuration,
    Record,
    accounting_command,
    parse_accounting,
    parse_queue,
    queue_command,
    tag_of,
)

__all__ = ["TAG_PREFIX", "Found", "Lookup", "Seeking"]

_SLACK = 5.0
TAG_PREFIX = "xenon:"


@dataclass(frozen=True)
class Seeking:
    """A job that is looked for: its tag, its name, and when it was first handed to the cluster, by the monotonic clock."""

    tag: str
    name: str
    began: float


@dataclass
class Found:
    """What was found: jobs by their tags; and the tags of which it cannot be told that there is no job."""

    jobs: dict[str, str] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)


class Lookup:
    """Looks jobs of one user up.

    Args:
        commands: The cluster's commands.
        user: The number of the user there.
        configuration: The cluster's.
        uses_accounting: Whether the accounting may be asked.
        is_known: Whether a job's number is one that this scheduler gave out.
    """

    def __init__(
        self, commands: Commands, user: str, configuration: Configuration, uses_accounting: bool, is_known: Callable[[str], bool]
    ) -> None:
        self._commands = commands
        self._user = user
        self._kept = configuration.seconds_kept
        self._uses_accounting = uses_accounting
        self._is_known = is_known

    async def find(self, sought: Sequence[Seeking]) -> Found:
        """Look for all of *sought* at once. Raises NotConnectedException and its like when Slurm does not answer."""
        token = new_token()
        printed = await self._commands.ask(f"date +%s; {queue_command(token, f'-u {self._user}')}")
        clock, _, rest = printed.partition("\n")
        offset = float(clock) - time.monotonic()
        found = Found()
        records = parse_queue(rest, token)
        missing = self._match(sought, records, found)
        forgotten = [it for it in missing if time.monotonic() - it.began > self._kept - _SLACK]
        if self._uses_accounting and missing:
            past = await self._accounting(min(it.began for it in missing) + offset - _SLACK)
            records += past
            missing = self._match(missing, past, found)
            forgotten = []
        found.uncertain.update(it.tag for it in forgotten)
        found.uncertain.update(it.tag for it in missing if self._may_be(it, records, offset))
        return found

    async def _accounting(self, since: float) -> list[Record]:
        token = new_token()
        start = f"\"$(date -d @{int(since)} '+%Y-%m-%dT%H:%M:%S')\""
        return parse_accounting(await self._commands.ask(accounting_command(token, f"-u {self._user} -S {start}")), token)

    def _match(self, sought: Iterable[Seeking], records: Iterable[Record], found: Found) -> list[Seeking]:
        """Note those of *sought* that are among *records*, and give the others."""
        by_tag = {tag_of(record): record.array for record in records}
        missing = []
        for it in sought:
            if it.tag in by_tag:
                found.jobs[it.tag] = by_tag[it.tag]
            else:
                missing.append(it)
        return missing

    def _may_be(self, sought: Seeking, records: Iterable[Record], offset: float) -> bool:
        """Whether one of *records* may be the one that is *sought*, having lost its tag: some sites write comments of their own."""
        since = sought.began + offset - _SLACK
        return any(
            record.name == sought.name
            and not tag_of(record).startswith(TAG_PREFIX)
            and not self._is_known(record.array)
            and (record.submitted is None or record.submitted >= since)
            for record in records
        )
