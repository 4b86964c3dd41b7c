"""Find jobs by their tags."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.records import JobRecord
from pyxenon_server.schedulers.batch.tags import TAG_PREFIX, new_token

__all__ = ["Found", "Lookup", "Seeking"]

_SLACK = 5.0


@dataclass(frozen=True)
class Seeking:
    """A job to look for: its tag, its name, and when it was first submitted, by the monotonic clock."""

    tag: str
    name: str
    began: float


@dataclass
class Found:
    """The ids of the jobs that were found, by tag, and the tags whose jobs may exist although they were not found."""

    jobs: dict[str, str] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)


class Lookup:
    """Looks up the jobs of one user.

    Args:
        commands: The batch system's commands.
        is_known: Returns True if this scheduler issued a job's number.
    """

    def __init__(self, commands: Commands, is_known: Callable[[str], bool]) -> None:
        self._dialect = commands.dialect
        self._commands = commands
        self._is_known = is_known

    async def find(self, sought: Sequence[Seeking]) -> Found:
        """Look for all of *sought* at once. Raises what :meth:`Commands.ask` raises, such as NotConnectedException."""
        token = new_token()
        printed = await self._commands.ask(f"date +%s; {self._dialect.lookup(token, [it.tag for it in sought])}")
        clock, _, rest = printed.partition("\n")
        offset = float(clock) - time.monotonic()
        found = Found()
        records = self._dialect.parse_lookup(rest, token)
        missing = self._match(sought, records, found)
        forgotten = [it for it in missing if time.monotonic() - it.began > self._dialect.site.seconds_kept - _SLACK]
        if self._dialect.site.has_history and missing:
            past = await self._history(min(it.began for it in missing) + offset - _SLACK)
            records += past
            missing = self._match(missing, past, found)
            forgotten = []
        found.uncertain.update(it.tag for it in forgotten)
        found.uncertain.update(it.tag for it in missing if self._may_be(it, records, offset))
        return found

    async def _history(self, since: float) -> list[JobRecord]:
        token = new_token()
        return self._dialect.parse_history(await self._commands.ask(self._dialect.history_since(token, since)), token)

    def _match(self, sought: Iterable[Seeking], records: Iterable[JobRecord], found: Found) -> list[Seeking]:
        """Add those of *sought* that are among *records* to *found*, and return the others."""
        by_tag = {record.tag: record.array for record in records}
        missing = []
        for it in sought:
            if it.tag in by_tag:
                found.jobs[it.tag] = by_tag[it.tag]
            else:
                missing.append(it)
        return missing

    def _may_be(self, sought: Seeking, records: Iterable[JobRecord], offset: float) -> bool:
        """Return True if one of *records* may be *sought* without its tag: some sites overwrite the comments of jobs."""
        since = sought.began + offset - _SLACK
        return any(
            record.name == sought.name
            and not record.tag.startswith(TAG_PREFIX)
            and not self._is_known(record.array)
            and (record.submitted is None or record.submitted >= since)
            for record in records
        )
