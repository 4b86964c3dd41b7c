"""An interactive job's conversation with its client: both ways at once, each piece as it comes, and neither side ahead of the other."""

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
    """What an interactive job prints, as an iterator. When it is closed, or the task that waits for it is cancelled, so is the job.

    Args:
        job_table: Where the job is kept.
        job: The job.
        process: Its shell.
        stdin: What it reads.
        done: Called when it is closed.
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
        """End the conversation: a job that still runs is cancelled."""
        if self._closed:
            return
        self._closed = True
        if not self._job.over:
            # Over SSH the end of a process comes after what it printed: somebody has to read that.
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
        except Exception as error:  # noqa: BLE001 - whatever the client's side raised: the job can get no more input, and is ended
            _log.info("the input of the interactive job %s failed with %s: %s", self._job.identity, type(error).__name__, error)
            await self._job_table.cancel(self._job, "the job's input failed")
        finally:
            close = getattr(stdin, "aclose", None)
            if close is not None:
                with contextlib.suppress(RuntimeError):  # it is being advanced still, by a task that is ending
                    await close()

    async def _watch(self) -> None:
        try:
            ended = await self._process.wait()
        except XenonError as error:
            self._job_table.interactive_lost(self._job, error.reason)
        else:
            await self._job_table.interactive_ended(self._job, ended)
