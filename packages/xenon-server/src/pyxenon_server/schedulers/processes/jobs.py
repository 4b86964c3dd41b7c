"""The server's view of one job on a machine without a batch system."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from pyxenon_core.errors import (
    CommandNotFoundException,
    ConnectionLostException,
    InvalidJobDescriptionException,
    InvalidPathException,
    JobCanceledException,
    PermissionDeniedException,
    XenonError,
)
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.processes.queues import Queue
from pyxenon_server.shells.base import Ended

__all__ = ["Job"]

_EVIDENCE = "the process"
_SECONDS = 60
_STATUS = {"missing": 127, "forbidden": 126, "unstartable": 126}


class Job:
    """A job, from its submission on.

    Args:
        identity: The job's id.
        number: The keeper's name for the job.
        description: The description that it was submitted with.
        queue: The queue that it is in.

    Attributes:
        state: The last known state.
        script: The script that the keeper runs; empty once the job is known to have started.
        sent: The keeper, counted from 1, that last got the job; 0 if none has.
        interactive: True if the job has its own shell, which no keeper started.
        orphan: True if the connection to that shell broke.
        turn: Set when the job's turn has come.
        gone: Set when the keeper reported that nothing is left of the job.
        asked: Why the job was asked to end, for people; empty if it was not.
        timer: The timer that ends the job when it has run too long.
    """

    def __init__(self, identity: str, number: str, description: JobDescription, queue: Queue[Job]) -> None:
        self.identity = identity
        self.number = number
        self.description = description
        self.queue = queue
        self.script = ""
        self.sent = 0
        self.interactive = False
        self.orphan = False
        self.turn = asyncio.Event()
        self.gone = asyncio.Event()
        self.asked = ""
        self.timer: asyncio.TimerHandle | None = None
        self.state = JobState(identity, "PENDING", name=description.name, evidence="the queue", information={"queue": queue.name})
        self._changed = asyncio.Event()
        self._lost = False

    @property
    def over(self) -> bool:
        """True if the job has ended, or its state cannot be determined any more."""
        return self.state.done or self._lost

    @property
    def seconds(self) -> float | None:
        """The job's time limit in seconds; None if there is none."""
        return self.description.max_runtime * _SECONDS or None

    async def wait(self, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        """Wait until *happened* is true of the state, the job is :attr:`over`, or *timeout* seconds have passed; return the state."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while not happened(self.state) and not self.over:
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                break
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                break
        return self.state

    def started(self, process: str = "") -> None:
        """Record that the job runs, in the process with the number *process* if that is known."""
        if not self.over:
            self.script = ""
            information = {**self.state.information, **({"pid": process} if process else {})}
            self._become(replace(self.state, state="RUNNING", running=True, reason="", evidence=_EVIDENCE, information=information))

    def ended(self, ended: Ended, reason: str = "") -> None:
        """Record that the program ended by itself, or by a signal that this scheduler did not send."""
        reason = reason or (f"killed by signal {ended.signal}" if ended.signal else "")
        self._end("DONE", exit_code=ended.exit_code, signal=ended.signal, reason=reason)

    def killed(self, ended: Ended | None = None) -> None:
        """Record that the program ended on request, or that the job was cancelled before it started."""
        ended = ended or Ended(None)
        error = JobCanceledException(self.asked or "the scheduler ended the job")
        self._end("KILLED", exit_code=ended.exit_code, signal=ended.signal, error=error)

    def stopped(self, why: str) -> None:
        """Record that the program could not start; *why* is the script's word for the reason."""
        self._end("ERROR", exit_code=_STATUS.get(why), error=self._failure(why), reason=why)

    def failed(self, error: XenonError) -> None:
        """Record that the job could not start because of *error*."""
        self._end("ERROR", error=error)

    def vanished(self, why: str) -> None:
        """Record that the job has ended, in a way that nobody observed."""
        self._end("UNKNOWN", error=ConnectionLostException(why))

    def lost(self, why: str) -> None:
        """Record that the job's state cannot be determined any more, not even whether it runs."""
        if not self.over:
            self._lost = True
            self._become(replace(self.state, state="UNKNOWN", running=False, error=ConnectionLostException(why)))

    def out_of_sight(self, why: str) -> None:
        """Record that the job cannot be observed at present; its last known state and the time of that stay."""
        if not self.over:
            self.state = replace(self.state, reason=why)

    def _end(self, state: str, **how: object) -> None:
        if not self.over:
            self.script = ""
            if self.timer is not None:
                self.timer.cancel()
            known = {"exit_code": None, "signal": "", "reason": "", "error": None, **how}
            self._become(replace(self.state, state=state, running=False, done=True, evidence=_EVIDENCE, **known))  # type: ignore[arg-type]

    def _become(self, state: JobState) -> None:
        self.state = replace(state, seen=time.time())
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _failure(self, why: str) -> XenonError:
        wanted = self.description
        if why == "missing":
            return CommandNotFoundException(f"the executable {wanted.executable!r} was not found; give its path, or check PATH")
        if why == "forbidden":
            return PermissionDeniedException(f"the executable {wanted.executable!r} is a directory or lacks execute permission")
        if why == "unstartable":
            reason = f"cannot start {wanted.executable!r}: its arguments and environment are too long, or it is not a program"
            return InvalidJobDescriptionException(reason, hint="Put long values into a file; see the shell's message in standard error")
        if why == "directory":
            place = wanted.working_directory or "of the scheduler"
            return InvalidPathException(f"the working directory {place!r} does not exist or cannot be entered")
        return InvalidPathException(f"cannot open the file {getattr(wanted, why, '')!r} for {why}")
