"""The keeper: a shell script that runs the jobs of one scheduler on their machine, and the connection to it.

Each scheduler has one ``sh``, started with its first job. It reads commands from standard input and prints events, each on one line:

=========================  ===========================================================================================
``start JOB LINES``        run the script in the next LINES lines → ``started JOB PID``, then ``ended JOB HOW``
``adopt JOB``              watch an interactive job, which has its own shell and writes its process to the record
``recall JOB``             → ``recalled JOB WHY``: why an interactive job could not start; empty if it could
``end JOB``                end the job and all its processes → ``gone JOB`` when nothing is left of it
``look``                   → ``vanished JOB`` for each job that ended unobserved
``forget FILE…``           delete these records: the ends of their jobs have been received
``bye``                    end everything → ``bye``
=========================  ===========================================================================================

HOW is ``code N``, ``signal N``, ``either N`` (the shell cannot tell which) or ``stopped WHY``, followed by ``asked`` if the job had been
asked to end. The records of the jobs are files in a private directory. A new keeper with the same key replaces the old one, reports the
records (``started``, ``ended``, ``vanished``, finally ``listed``), and goes on. If the input ends without a ``bye`` and no other keeper
comes within the lease, everything is ended.

The same shell script runs locally and over SSH: every machine with SSH has a POSIX shell, but not every one has Python, and one keeper
means one set of bugs. The script makes up for what a shell lacks: it tells exits from signals by the shell's job table, and restores the
signal handlers that a shell changes for background processes. It finds processes that have left their job's process group by the variable
XENON_JOB in their environment; without /proc it ends only the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

from pyxenon_core.errors import CommandNotFoundException, IOException, NotConnectedException, SchedulerClosedException, XenonError
from pyxenon_server.schedulers.processes.job_script import shell_text
from pyxenon_server.shells.base import Output, Shell, ShellProcess

__all__ = ["Keeper"]

_log = logging.getLogger("xenon.server.jobs")

_ANSWERED = ("start", "recall")
_SECONDS_TO_ENTER = 30
_SECONDS_TO_LEAVE = 15
_SECONDS_TO_END = 2
_SECONDS_TO_LISTEN = 0.2
_SECONDS_OF_PATIENCE = 30


class Keeper:
    """The connection to the keeper of one scheduler.

    Args:
        shell: The shell on the machine where the jobs run.
        lease: The seconds for which the jobs run on without a connection.
        heard: Called with the words of each event.
        lost: Called with the reason when the connection breaks.

    Attributes:
        key: The key that identifies the keeper's records; it is part of the jobs' ids.
        folder: The directory of the records; empty until the first keeper has reported it.
        returned: True if the latest keeper found the records of the one before.
        count: The number of keepers so far.
    """

    def __init__(self, shell: Shell, lease: int, heard: Callable[[list[str]], None], lost: Callable[[str], None]) -> None:
        self.key = secrets.token_hex(8)
        self.folder = ""
        self.returned = False
        self.count = 0
        self._shell = shell
        self._lease = lease
        self._heard = heard
        self._lost = lost
        self._lock = asyncio.Lock()
        self._connection: _Connection | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._dropped = False

    @property
    def connected(self) -> bool:
        """True while the keeper is connected."""
        return self._connection is not None and self._connection.open

    async def connect(self) -> bool:
        """Start a keeper unless one is connected; return True if one was started.

        Raises NotConnectedException and the shell's other errors, CommandNotFoundException if the machine lacks a command, and IOException
        if the directory for the records cannot be created.
        """
        async with self._lock:
            if self.connected:
                return False
            script = f"xk_key={self.key} xk_lease={self._lease}\n{shell_text('job.sh')}\n{shell_text('keeper.sh')}"
            process = await self._shell.start(script)
            if self._dropped:
                await _dismiss(process)
                raise SchedulerClosedException("the scheduler was closed while it was starting the shell that runs its jobs")
            connection = self._connection = _Connection(process, self._heard, self._broken)
            self.count += 1
            try:
                self.returned, self.folder = await connection.enter()
            except BaseException:
                await connection.close()
                raise
            return True

    def say(self, *words: str, script: str = "") -> None:
        """Send a command, with its *script* if it needs one.

        Without a connection the command is dropped: the next keeper's list shows what has happened.
        """
        lines = script.split("\n") if script else []
        text = "\n".join((" ".join((*words, str(len(lines)))) if script else " ".join(words), *lines, ""))
        if self._connection is not None:
            self._connection.send(text.encode("utf-8", "surrogateescape"), answered=words[0] in _ANSWERED)

    async def leave(self) -> bool:
        """End all jobs and the keeper; return True if the keeper confirmed it."""
        connection = self._connection
        if connection is None or not connection.open:
            return False
        connection.send(b"bye\n", answered=False)
        try:
            return await asyncio.wait_for(asyncio.shield(connection.left), _SECONDS_TO_LEAVE)
        except TimeoutError:
            return False
        finally:
            await connection.close()

    async def drop(self) -> None:
        """Close the connection, and those that broke, for good and without a command. A keeper that is still starting ends at once."""
        self._dropped = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lock.acquire(), _SECONDS_TO_END)
            self._lock.release()
        if self._connection is not None:
            await self._connection.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    def _broken(self, connection: _Connection, why: str) -> None:
        task = asyncio.ensure_future(connection.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        if self._connection is connection:
            self._connection = None
            self._lost(why)


async def _dismiss(process: ShellProcess) -> None:
    """End an unused keeper; it removes the directory that it has created."""
    try:
        await process.write(b"bye\n")
        with contextlib.suppress(XenonError, TimeoutError):
            await asyncio.wait_for(process.wait(), _SECONDS_TO_END)
    finally:
        await process.close()


class _Connection:
    """The connection to one keeper's process.

    Attributes:
        open: True until the connection is closed or broken.
        room: The keeper's report on its directory.
        left: Becomes True when the keeper says goodbye, False when it ends without.
    """

    def __init__(self, process: ShellProcess, heard: Callable[[list[str]], None], broken: Callable[[_Connection, str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.open = True
        self.room: asyncio.Future[str] = loop.create_future()
        self.left: asyncio.Future[bool] = loop.create_future()
        self._process = process
        self._heard = heard
        self._broken = broken
        self._said = b""
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._patience: asyncio.TimerHandle | None = None
        self._tasks = [asyncio.ensure_future(work) for work in (self._listen(), self._send(), self._watch())]

    def send(self, text: bytes, *, answered: bool) -> None:
        """Queue *text* for sending. A task sends it while events are read, since otherwise both sides could block.

        If it is to be *answered* and no event arrives for half a minute, the connection counts as broken.
        """
        self._outbox.put_nowait(text)
        if answered and self._patience is None and self.open:
            self._patience = asyncio.get_running_loop().call_later(_SECONDS_OF_PATIENCE, self._end, "it does not answer")

    async def enter(self) -> tuple[bool, str]:
        """Wait for the keeper's start; return whether it found records, and their directory."""
        try:
            room, _, rest = (await asyncio.wait_for(asyncio.shield(self.room), _SECONDS_TO_ENTER)).partition(" ")
        except TimeoutError:
            raise NotConnectedException(f"the shell that runs the jobs did not answer within {_SECONDS_TO_ENTER} seconds") from None
        if room == "lacking":
            hint = "Install what is missing (coreutils, grep or busybox), or add its directory to the PATH of non-interactive logins"
            raise CommandNotFoundException(f"the shell that runs the jobs cannot find {rest.replace(' ', ', ')}", hint=hint)
        if room == "none":
            hint = "Set TMPDIR to a directory that has free space and allows named pipes"
            raise IOException(f"cannot create the directory for the jobs' records: {rest}", hint=hint)
        return room == "old", rest

    async def close(self) -> None:
        """Close the connection. A keeper that has said goodbye gets time to end by itself."""
        self.open = False
        await self._stop()
        with contextlib.suppress(XenonError, TimeoutError):
            await asyncio.wait_for(self._process.wait(), _SECONDS_TO_END if self.left.done() else 0)
        await self._process.close()

    async def retire(self) -> None:
        """Close the connection once the keeper has ended: the next keeper ends it, and its runners must not be killed with it."""
        try:
            await self._stop()
            with contextlib.suppress(XenonError):
                await self._process.wait()
        finally:
            await self._process.close()

    async def _stop(self) -> None:
        self._hear_again()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            text = await self._outbox.get()
            while not self._outbox.empty():
                text += self._outbox.get_nowait()
            try:
                await self._process.write(text)
            except XenonError:
                return  # the listening task gets the error too

    async def _listen(self) -> None:
        why = "it ended"
        try:
            async for piece in self._process.output():
                self._take(piece)
        except XenonError as error:
            why = error.reason
        self._end(why)

    async def _watch(self) -> None:
        """Notice the keeper's end even if one of its child processes keeps its output open."""
        with contextlib.suppress(XenonError):
            await self._process.wait()
        await asyncio.sleep(_SECONDS_TO_LISTEN)
        self._end("it ended")

    def _take(self, piece: Output) -> None:
        *lines, self._said = (self._said + piece.stdout).split(b"\n")
        for line in lines:
            self._hear_again()
            self._hear(line.decode("utf-8", "surrogateescape"))

    def _hear_again(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hear(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "room":
            if not self.room.done():
                self.room.set_result(rest)
        elif word == "bye":
            if not self.left.done():
                self.left.set_result(True)
        elif self.open:
            self._heard(text.split())

    def _end(self, why: str) -> None:
        was_open, self.open = self.open, False
        if not self.left.done():
            self.left.set_result(False)
        if not self.room.done():
            self.room.set_exception(NotConnectedException(f"the shell that runs the jobs ended as soon as it was started: {why}"))
        elif was_open:
            _log.info("the connection to the keeper broke: %s", why)
            self._broken(self, why)
