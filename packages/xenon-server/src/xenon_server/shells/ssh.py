"""Scripts on another machine, over SSH.

What runs there is always the same command, in which no login shell finds anything of its own to interpret; the script itself comes over
the standard input, behind a random mark, and before what the script shall read from there. Whatever a login shell or a profile prints
comes before the same mark in the outputs, and is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

import asyncssh

from xenon_core.errors import ConnectionLostException, IllegalArgumentException, NotConnectedException, XenonError
from xenon_server.shells.base import Completed, Ended, Output, Shell, ShellProcess
from xenon_server.ssh.connections import SshLink

__all__ = ["SshProcess", "SshShell"]

# Reads the mark, then lines up to the mark again: `read` takes no byte beyond a line. When the input ends too early nothing is run. There
# is no backslash, exclamation mark, quote or line break in it, because login shells such as csh and fish differ in what they make of these.
_COMMAND = (
    "exec /bin/sh -c '"
    "_xn=${IFS#??};_xs=;IFS= read -r _xm||exit 255;"
    "while IFS= read -r _xl||exit 255;do case $_xl in $_xm)break;;esac;_xs=$_xs$_xl$_xn;done;"
    'echo $_xm;echo $_xm>&2;eval "unset _xn _xm _xl _xs;$_xs"'
    "'"
)
_PIECE = 256 * 1024
_NOISE_KEPT = 2000


class SshProcess(ShellProcess):
    """A script that runs on another machine. Made by :meth:`SshShell.start`."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], mark: bytes, where: str, adaptor: str) -> None:
        self._process = process
        self._mark = mark + b"\n"
        self._where = where
        self._adaptor = adaptor
        self._begun = False
        self._noise = b""

    async def write(self, data: bytes) -> None:
        """Send *data* to its standard input."""
        with contextlib.suppress(BrokenPipeError, asyncssh.Error):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def write_eof(self) -> None:
        """End its standard input."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()

    async def output(self) -> AsyncIterator[Output]:
        """What it prints."""
        readers = {True: self._process.stdout, False: self._process.stderr}
        noise = {True: b"", False: b""}
        started = {True: False, False: False}
        tasks = {asyncio.ensure_future(reader.read(_PIECE)): out for out, reader in readers.items()}
        try:
            while tasks:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    out = tasks.pop(task)
                    piece = self._received(task)
                    if piece:
                        tasks[asyncio.ensure_future(readers[out].read(_PIECE))] = out
                    if not started[out]:
                        noise[out], piece, started[out] = self._without_noise(noise[out] + piece)
                    if piece:
                        yield Output(piece) if out else Output(b"", piece)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def wait(self) -> Ended:
        """How it ended."""
        await self._process.wait_closed()
        status, signal = self._process.exit_status, self._process.exit_signal
        if signal:
            return Ended(None, signal[0])
        if status is None or status < 0:
            raise self._lost("")
        if not self._begun and self._noise:
            raise self._not_begun(status)
        return Ended(status)

    async def close(self) -> None:
        """Leave it: the channel is closed."""
        self._process.close()

    def kill(self) -> None:
        """End it and all that it started, where the host allows that."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.send_signal("KILL")

    def _received(self, task: asyncio.Future[bytes]) -> bytes:
        try:
            return task.result()
        except (OSError, asyncssh.Error) as error:
            raise self._lost(str(error)) from error.with_traceback(None)

    def _without_noise(self, text: bytes) -> tuple[bytes, bytes, bool]:
        """Of what came so far: what may be noise still, what is the script's, and whether the script has begun."""
        _, mark, rest = text.partition(self._mark)
        if mark:
            self._begun = True
            return b"", rest, True
        self._noise = (self._noise + text)[-_NOISE_KEPT:]
        return text[-len(self._mark) :], b"", False

    def _lost(self, why: str) -> ConnectionLostException:
        reason = f"the connection to {self._where} broke while a script ran there" + (f": {why}" if why else "")
        return ConnectionLostException(reason, adaptor=self._adaptor)

    def _not_begun(self, status: int) -> NotConnectedException:
        said = self._noise.decode(errors="replace").strip()
        reason = f"the login shell on {self._where} ended with {status} before it ran anything" + (
            f", and printed {said!r}" if said else ""
        )
        return NotConnectedException(reason, adaptor=self._adaptor, hint="Check that `ssh HOST true` works, and what its profile does")


class SshShell(Shell):
    """A user's shell on another machine. It owns *link*."""

    def __init__(self, link: SshLink, adaptor: str = "ssh") -> None:
        self._link = link
        self._adaptor = adaptor

    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """Run *script* to its end."""
        process = await self.start(script)
        try:
            return await asyncio.wait_for(self._collect(process, stdin), timeout)
        except asyncio.TimeoutError:
            process.kill()
            reason = f"a script on {self._link.place.target} was ended after {timeout:g} seconds"
            raise ConnectionLostException(reason, adaptor=self._adaptor) from None
        finally:
            await process.close()

    async def start(self, script: str) -> SshProcess:
        """Start *script*."""
        try:
            text = script.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise IllegalArgumentException(f"a script cannot hold {script[error.start]!r}", adaptor=self._adaptor) from None
        if b"\0" in text:
            raise IllegalArgumentException("a script cannot hold a null character", adaptor=self._adaptor)
        mark = secrets.token_hex(16).encode()
        process = await self._open()
        started = SshProcess(process, mark, str(self._link.place.target), self._adaptor)
        await started.write(mark + b"\n" + text + b"\n" + mark + b"\n")
        return started

    async def close(self) -> None:
        """Give back the link."""
        await self._link.close()

    async def _open(self) -> asyncssh.SSHClientProcess[bytes]:
        try:
            return await self._link.process(_COMMAND)
        except NotConnectedException:
            raise
        except XenonError as error:
            raise NotConnectedException(error.reason, adaptor=self._adaptor, hint=error.hint) from error

    async def _collect(self, process: SshProcess, stdin: bytes) -> Completed:
        outputs: tuple[list[bytes], list[bytes]] = [], []

        async def send() -> None:
            await process.write(stdin)
            await process.write_eof()

        sending = asyncio.create_task(send())
        try:
            async for piece in process.output():
                outputs[0].append(piece.stdout)
                outputs[1].append(piece.stderr)
            ended = await process.wait()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return Completed(ended.exit_code, ended.signal, b"".join(outputs[0]), b"".join(outputs[1]))
