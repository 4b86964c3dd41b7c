"""Interactive jobs: run a command such as ``srun``, and pass on what it reads and prints as it comes.

The job's script precedes the client's data on standard input, so that neither its arguments nor its environment show among the arguments
of a process. The script first prints the job's number after a mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

from pyxenon_core.errors import XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.cancelling import Canceller
from pyxenon_server.schedulers.batch.commands import encoded
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.job_script import run_lines
from pyxenon_server.schedulers.batch.lookup import Lookup, Seeking
from pyxenon_server.schedulers.batch.submission import refusal
from pyxenon_server.schedulers.batch.tags import new_token
from pyxenon_server.shells.base import Output, ShellProcess

__all__ = ["Conversation", "InteractiveCommand"]

_SECONDS_BETWEEN_LOOKUPS = 1.0
_TRIES_TO_CANCEL = 5
_log = logging.getLogger("xenon.server.jobs")


@dataclass(frozen=True)
class InteractiveCommand:
    """The command of an interactive job.

    Attributes:
        dialect: The dialect of the batch system.
        tag: The tag by which the job is found.
        name: The job's name in the batch system.
        mark: The word after which the job prints its number.
        script: The shell lines that exec the command.
        head: What the job reads first: its own script.
    """

    dialect: Dialect
    tag: str
    name: str
    mark: str
    script: str
    head: bytes

    @classmethod
    def of(cls, dialect: Dialect, description: JobDescription, directory: str, tag: str) -> InteractiveCommand:
        """Return the command that runs *description* in *directory*."""
        mark = new_token()
        program = [description.executable, *description.arguments]
        lines = [
            *dialect.interactive_lines(mark, every_task=description.start_per_task),
            *run_lines(directory if description.working_directory else "", description.environment, program),
        ]
        head = encoded("\n".join(lines) + "\n", dialect.name)
        own = ["sh", "-c", f'eval "$(dd bs=1 count={len(head)} 2>/dev/null)"']
        script = dialect.clean_environment + dialect.interactive(dialect.interactive_options(description, directory, tag), own)
        return cls(dialect, tag, dialect.job_name(description, interactive=True), mark, script, head)


class Conversation(AsyncIterator[Output]):
    """The output of an interactive job, as an iterator. Closing it early cancels the job.

    Args:
        command: The command.
        process: The running command.
        canceller: Cancels the job.
        lookup: Finds the job while it waits in the queue.
        left: Called at the end, with the command's exit status; None if it is not known.
    """

    def __init__(
        self,
        command: InteractiveCommand,
        process: ShellProcess,
        canceller: Canceller,
        lookup: Lookup,
        left: Callable[[Conversation, int | None], None],
    ) -> None:
        self.job = ""
        self._command = command
        self._process = process
        self._canceller = canceller
        self._lookup = lookup
        self._left = left
        self._output = cast("AsyncGenerator[Output, None]", process.output())
        self._first: asyncio.Future[list[Output]] | None = None
        self._pieces: list[Output] = []
        self._feeding: asyncio.Future[None] | None = None
        self._over = False
        self._closed = False

    async def begin(self, stdin: AsyncIterator[bytes]) -> str:
        """Start passing *stdin* on, and return the job's number, from the job itself or, while it waits, from the queue."""
        self._feeding = asyncio.ensure_future(self._feed(stdin))
        self._first = asyncio.ensure_future(self._until_mark())
        began = time.monotonic()
        try:
            while not self.job:
                await asyncio.wait([self._first], timeout=_SECONDS_BETWEEN_LOOKUPS)
                if not self.job and self._first.done():
                    raise await self._refused(self._first.result())
                if not self.job:
                    await self._look_up(began)
        except BaseException:
            await self.aclose()
            raise
        return self.job

    async def __anext__(self) -> Output:
        try:
            return await self._next()
        except StopAsyncIteration:
            await self._end()
            raise
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the conversation; cancels the job if it has not ended."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._over:
                await self._cancel()
        finally:
            tasks: list[asyncio.Future[Any]] = [task for task in (self._feeding, self._first) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._process.close()
            if not self._over:
                self._left(self, None)

    async def _next(self) -> Output:
        if self._first is not None:
            first, self._first = self._first, None
            self._pieces = await first
        if self._pieces:
            return self._pieces.pop(0)
        return await anext(self._output)

    async def _until_mark(self) -> list[Output]:
        """Read until the job has printed its number; return everything else that was printed until then."""
        mark = self._command.mark.encode() + b" "
        before = b""
        pieces: list[Output] = []
        async for stdout, stderr in self._output:
            if stderr:
                pieces.append(Output(stderr=stderr))
            before += stdout
            head, found, rest = before.partition(mark)
            number, end, after = rest.partition(b"\n")
            if found and end:
                self.job = self.job or number.decode("ascii", "replace").strip()
                break
        else:
            head, after = before, b""
        if head + after:
            pieces.append(Output(stdout=head + after))
        return pieces

    async def _refused(self, pieces: list[Output]) -> XenonError:
        ended = await self._process.wait()
        self._over = True
        stderr = b"".join(piece.stderr for piece in pieces).decode("utf-8", "replace")
        self._left(self, None)
        return refusal(self._command.dialect, self._command.dialect.converser, ended.status, stderr)

    async def _look_up(self, began: float) -> None:
        with contextlib.suppress(XenonError):  # the command itself reports what is wrong
            found = await self._lookup.find([Seeking(self._command.tag, self._command.name, began)])
            self.job = self.job or found.jobs.get(self._command.tag, "")

    async def _feed(self, stdin: AsyncIterator[bytes]) -> None:
        await self._process.write(self._command.head)
        try:
            async for data in stdin:
                await self._process.write(data)
            await self._process.write_eof()
        except Exception as error:  # noqa: BLE001 - the client's side may raise anything; without input the job is cancelled
            _log.info("the input of the interactive job %s failed with %s: %s", self.job, type(error).__name__, error)
            await self._cancel()

    async def _end(self) -> None:
        if self._over:
            return
        ended = await self._process.wait()
        self._over = True
        self._left(self, ended.exit_code)
        await self.aclose()

    async def _cancel(self) -> None:
        """Cancel the job, even if its number is not known yet."""
        began = time.monotonic()
        for _ in range(_TRIES_TO_CANCEL):
            try:
                await self._look_up(began) if not self.job else None
                if self.job:
                    await self._canceller.cancel(self.job)
                    return
            except XenonError as error:
                _log.warning("cannot cancel the interactive job %s: %s", self.job or self._command.tag, error)
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKUPS)
