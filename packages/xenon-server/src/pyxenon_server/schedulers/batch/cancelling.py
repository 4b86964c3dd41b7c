"""Cancel jobs, all that are due at one time with one command."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyxenon_core.errors import ConnectionLostException, IOException, XenonError
from pyxenon_server.schedulers.batch.batching import Batching
from pyxenon_server.schedulers.batch.commands import Answer, Commands

__all__ = ["Canceller"]

_MOST_AT_ONCE = 500


@dataclass(eq=False)
class _Request:
    job: str
    answer: asyncio.Future[None] = field(repr=False)


class Canceller:
    """Cancels jobs.

    Args:
        commands: The batch system's commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._dialect = commands.dialect
        self._commands = commands
        self._batching = Batching(self._cancel, _MOST_AT_ONCE)

    async def cancel(self, job: str) -> None:
        """Cancel *job*; does nothing if it has ended or does not exist.

        Raises PermissionDeniedException for another user's job, and NotConnectedException if the batch system does not answer.
        """
        request = _Request(job, asyncio.get_running_loop().create_future())
        self._batching.add(request)
        await request.answer

    async def close(self) -> None:
        """Stop."""
        for request in await self._batching.close():
            request.answer.cancel()

    async def _cancel(self, requests: list[_Request]) -> None:
        jobs = list(dict.fromkeys(request.job for request in requests))
        errors = await self._errors(jobs)
        for request in requests:
            if request.answer.done():
                continue
            wrong = errors.get(request.job)
            if wrong is None:
                request.answer.set_result(None)
            else:
                request.answer.set_exception(wrong)

    async def _errors(self, jobs: list[str]) -> Mapping[str, XenonError]:
        """Cancel *jobs* and return the errors, by job."""
        try:
            answer = await self._again(self._dialect.cancel(jobs))
        except XenonError as error:
            return dict.fromkeys(jobs, error)
        errors = self._dialect.parse_cancel(answer.stderr) if answer.status else {}
        if answer.status and not errors:
            reason = f"cancelling failed: {self._dialect.words(answer.stderr) or f'status {answer.status}'}"
            return dict.fromkeys(jobs, IOException(reason, adaptor=self._dialect.name))
        return errors

    async def _again(self, command: str) -> Answer:
        """Run *command*, and once more if the connection breaks: cancelling twice is harmless."""
        try:
            return await self._commands.query(command)
        except ConnectionLostException:
            return await self._commands.query(command)
