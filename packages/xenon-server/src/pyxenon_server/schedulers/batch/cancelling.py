"""Cancelling jobs, as many with one command as are to be cancelled at that time."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from pyxenon_core.errors import ConnectionLostException, IOException, PermissionDeniedException, XenonError
from pyxenon_server.schedulers.batch.batching import Batching
from pyxenon_server.schedulers.batch.commands import NAME, Answer, Commands, controller_is_away, words_of
from pyxenon_server.shells.words import command_line

__all__ = ["Canceller"]

_MOST_AT_ONCE = 500
_ABOUT = re.compile(r"job id (\d+(?:_\d+)?)")


@dataclass(eq=False)
class _Request:
    job: str
    answer: asyncio.Future[None] = field(repr=False)


class Canceller:
    """Cancels jobs.

    Args:
        commands: The cluster's commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._batching = Batching(self._cancel, _MOST_AT_ONCE)

    async def cancel(self, job: str) -> None:
        """Have a job cancelled; nothing happens to one that has ended, or that there is not.

        Raises PermissionDeniedException for a job of somebody else's, and NotConnectedException when Slurm does not answer.
        """
        request = _Request(job, asyncio.get_running_loop().create_future())
        self._batching.add(request)
        await request.answer

    async def close(self) -> None:
        """Stop."""
        for request in await self._batching.close():
            request.answer.cancel()

    async def _cancel(self, requests: list[_Request]) -> None:
        command = command_line(["scancel", *dict.fromkeys(request.job for request in requests)])
        try:
            answer = await self._again(command)
        except XenonError as error:
            errors = dict.fromkeys((request.job for request in requests), error)
        else:
            errors = _errors(answer.stderr) if answer.status else {}
            if answer.status and not errors:
                reason = f"scancel failed: {words_of(answer.stderr) or answer.status}"
                errors = dict.fromkeys((request.job for request in requests), IOException(reason, adaptor=NAME))
        for request in requests:
            if request.answer.done():
                continue
            wrong = errors.get(request.job)
            if wrong is None:
                request.answer.set_result(None)
            else:
                request.answer.set_exception(wrong)

    async def _again(self, command: str) -> Answer:
        """To cancel twice does no harm."""
        try:
            return await self._commands.query(command)
        except ConnectionLostException:
            return await self._commands.query(command)


def _errors(stderr: str) -> dict[str, XenonError]:
    """What went wrong, by job."""
    errors: dict[str, XenonError] = {}
    for line in stderr.splitlines():
        match = _ABOUT.search(line)
        if match and not controller_is_away(line):
            kind = PermissionDeniedException if "permission" in line.lower() or "access" in line.lower() else IOException
            errors[match[1]] = kind(f"job {match[1]} cannot be cancelled: {words_of(line)}", adaptor=NAME)
    return errors
