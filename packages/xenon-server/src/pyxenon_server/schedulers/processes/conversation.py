"""The conversation of an interactive job with its client: both directions at once, each piece as it comes, with backpressure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import cast

from pyxenon_core.errors import XenonError
from pyxenon_server.schedulers.processes.job_table import JobTable
from pyxenon_server.schedulers.processes.jobs import Job
from pyxenon_server.shells.base import Output, ShellProcess

__all__ = ["Conversation"]

_log = logging.getLogger("xenon.server.jobs")


class Conversation(AsyncIterator[Output]):
    """The output of an interactive job, as an iterator. Closing it, or cancelling the task that waits for it, cancels the job.

    Args:
        job_table: The table that contains the job.
        job: The job.
        process: The job's shell.
        stdin: The job's input.
        done: Called when the conversation is closed.
    """

    def __init__(
        self, job_table: JobTable, job: Job, process: ShellProcess, stdin: AsyncIterator[bytes], done: Callable[[Conversation], None]
    ) -> None:
        self._job_table = job_table
        self._job = job
        self._process = process
        self._output = cast("AsyncGenerator[Output, None]", process.output())
        self._feeding = asyncio.ensure_future(self._feed(stdin))
        self._watching = asyncio.ensure_future(self._watch())
        self._reading = False
        self._closed = False
        self._done = done

    async def __anext__(self) -> Output:
        try:
            return await self._next()
        except StopAsyncIteration:
            await asyncio.shield(self._watching)
            await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise

    async def _next(self) -> Output:
        self._reading = True
        try:
            return await anext(self._output)
        finally:
            self._reading = False

    async def aclose(self) -> None:
        """End the conversation; cancels the job if it still runs."""
        if self._closed:
            return
        self._closed = True
        if not self._job.over:
            # Over SSH the end of a process arrives after its output, so the output must be read first.
            dropping = asyncio.ensure_future(self._drop_output())
            await self._job_table.cancel(self._job, "the client closed the conversation")
            dropping.cancel()
            await asyncio.gather(dropping, return_exceptions=True)
        self._feeding.cancel()
        await self._process.close()
        await asyncio.gather(self._feeding, self._watching, return_exceptions=True)
        self._done(self)

    async def _drop_output(self) -> None:
        if self._reading:
            return
        await self._output.aclose()
        async for _ in self._process.output():
            pass

    async def _feed(self, stdin: AsyncIterator[bytes]) -> None:
        try:
            async for data in stdin:
                await self._process.write(data)
            await self._process.write_eof()
        except Exception as error:  # noqa: BLE001 - the client's side may raise anything; without input the job is cancelled
            _log.info("the input of the interactive job %s failed with %s: %s", self._job.identity, type(error).__name__, error)
            await self._job_table.cancel(self._job, "the job's input failed")
        finally:
            close = getattr(stdin, "aclose", None)
            if close is not None:
                with contextlib.suppress(RuntimeError):  # raised while a task that is ending still advances it
                    await close()

    async def _watch(self) -> None:
        try:
            ended = await self._process.wait()
        except XenonError as error:
            self._job_table.interactive_lost(self._job, error.reason)
        else:
            await self._job_table.interactive_ended(self._job, ended)
