"""Scripts on this machine.

A script is passed to its ``sh`` in the environment, which only its own user can read, and not as an argument, which everybody can read;
``sh`` removes it from the environment before the script starts. Each script leads a session of its own, so that one signal reaches it and
its children. asyncio's streams are not used, because they would need a task for each of the two outputs and for every piece of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from typing_extensions import override

from pyxenon_core.errors import ConnectionLostException, IllegalArgumentException, NotConnectedException
from pyxenon_server.shells.base import Completed, Ended, Output, Shell, ShellProcess
from pyxenon_server.shells.words import signal_name

__all__ = ["LocalShell"]

_PART = 96 << 10  # Linux limits each string of the environment to 128 KiB
_VARIABLE = "XENON_SCRIPT_"
_MOST_UNREAD = 256 << 10
_SH = "/bin/sh"


class LocalShell(Shell):
    """A shell on this machine, as the user of this process."""

    def __init__(self) -> None:
        self._home = _home()
        self._running: set[_LocalProcess] = set()

    @override
    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        process = await self._start(script)
        try:
            return await asyncio.wait_for(_communicate(process, stdin), timeout)
        except TimeoutError:
            raise ConnectionLostException(f"a script on this machine did not end within {timeout:g} seconds and was killed") from None
        finally:
            await process.close()

    @override
    async def start(self, script: str) -> ShellProcess:
        return await self._start(script)

    @override
    async def close(self) -> None:
        await asyncio.gather(*(process.close() for process in list(self._running)))

    async def _start(self, script: str) -> _LocalProcess:
        words, environment = _invocation(script)
        create = asyncio.get_running_loop().subprocess_exec(
            lambda: _LocalProcess(self._running), *words, cwd=self._home, env=environment, start_new_session=True
        )
        try:
            _, process = await create
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise IllegalArgumentException(f"a script of {len(script)} characters is too long for this machine") from None
            raise NotConnectedException(f"{_SH} cannot be started on this machine: {error.strerror or error}") from error
        return process


class _LocalProcess(asyncio.SubprocessProtocol, ShellProcess):
    """A running script. asyncio calls the methods of the protocol from the event loop.

    Args:
        running: The shell's running processes; this one is in the set until it ends.
    """

    def __init__(self, running: set[_LocalProcess]) -> None:
        self._running = running
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._unread: deque[Output] = deque()
        self._size = 0
        self._outputs = {1, 2}
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._ended = asyncio.Event()
        self._gone = asyncio.Event()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        stdin = self._transport.get_pipe_transport(0)
        self._stdin = stdin if isinstance(stdin, asyncio.WriteTransport) else None
        self._writable.set()
        self._running.add(self)

    @override
    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._unread.append(Output(stdout=data) if fd == 1 else Output(stderr=data))
        self._size += len(data)
        if self._size >= _MOST_UNREAD:
            self._each_output("pause_reading")
        self._wake.set()

    @override
    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 0:
            self._stdin = None
            self._writable.set()
        self._outputs.discard(fd)
        self._wake.set()

    @override
    def process_exited(self) -> None:
        self._ended.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._running.discard(self)
        self._gone.set()

    def pause_writing(self) -> None:
        """Called when the buffer of standard input is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called when the buffer of standard input has room again."""
        self._writable.set()

    @override
    async def write(self, data: bytes) -> None:
        if self._stdin is not None:
            self._stdin.write(data)
        await self._writable.wait()

    @override
    async def write_eof(self) -> None:
        if self._stdin is not None:
            self._stdin.close()

    @override
    async def output(self) -> AsyncIterator[Output]:
        while self._unread or self._outputs:
            if not self._unread:
                self._wake.clear()
                await self._wake.wait()
                continue
            piece = self._unread.popleft()
            self._take(len(piece.stdout) + len(piece.stderr))
            yield piece

    @override
    async def wait(self) -> Ended:
        await self._ended.wait()
        code = self._required.get_returncode()
        if code is None or code >= 0:
            return Ended(code)
        return Ended(None, signal_name(-code))

    @override
    async def close(self) -> None:
        self.kill()
        await self._ended.wait()  # closing the transport earlier would take the exit code away from wait()
        self._required.close()
        await self._gone.wait()

    def kill(self) -> None:
        """Kill the script, and those of its children that are in its process group."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._required.get_pid(), signal.SIGKILL)

    def _take(self, size: int) -> None:
        full = self._size >= _MOST_UNREAD
        self._size -= size
        if full and self._size < _MOST_UNREAD:
            self._each_output("resume_reading")

    def _each_output(self, action: str) -> None:
        for fd in self._outputs:
            pipe = self._required.get_pipe_transport(fd)
            if pipe is not None:
                getattr(pipe, action)()

    @property
    def _required(self) -> asyncio.SubprocessTransport:
        if self._transport is None:
            raise NotConnectedException("the script has not been started yet")
        return self._transport


async def _communicate(process: _LocalProcess, stdin: bytes) -> Completed:
    writing = asyncio.ensure_future(_feed(process, stdin))
    try:
        pieces = [piece async for piece in process.output()]
        ended = await process.wait()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    return Completed(ended.exit_code, ended.signal, b"".join(out for out, _ in pieces), b"".join(err for _, err in pieces))


async def _feed(process: _LocalProcess, stdin: bytes) -> None:
    await process.write(stdin)
    await process.write_eof()


def _invocation(script: str) -> tuple[list[str], dict[bytes, bytes]]:
    """Return the command and the environment that make ``sh`` run *script*. Raises IllegalArgumentException for a null character."""
    if "\0" in script:
        raise IllegalArgumentException("a script cannot contain a null character")
    text = script.encode("utf-8", "surrogateescape")
    parts = [text[start : start + _PART] for start in range(0, len(text), _PART)] or [b""]
    names = [f"{_VARIABLE}{number}" for number in range(len(parts))]
    whole = "".join(f"${{{name}}}" for name in names)
    words = [_SH, "-c", f'set -- "{whole}"; unset {" ".join(names)}; eval "shift;$1"']
    return words, {**os.environb, **{name.encode(): part for name, part in zip(names, parts, strict=True)}}


def _home() -> str:
    """Return the user's home directory, or the root directory if there is none, as a login would."""
    try:
        home = str(Path.home())
    except RuntimeError:
        return "/"
    return home if os.access(home, os.X_OK) else "/"
