"""Scripts on another machine, over SSH.

The remote command is always the same and contains nothing that a login shell would interpret in its own way. The script itself is sent
over standard input, between two lines with a random mark, followed by the script's own input. The outputs repeat the mark just before the
script starts; whatever a login shell or a profile prints comes before it and is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

import asyncssh

from pyxenon_core.errors import ConnectionLostException, IllegalArgumentException, NotConnectedException, XenonError
from pyxenon_server.shells.base import Completed, Ended, Output, Shell, ShellProcess
from pyxenon_server.ssh.connections import SshLink

__all__ = ["SshProcess", "SshShell"]

# Reads the mark, then lines up to the mark again: `read` consumes no byte beyond a line. If the input ends too early, nothing is run. It
# contains no backslash, exclamation mark, quote or line break, because login shells such as csh and fish interpret these differently.
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
    """A script running on another machine. Created by :meth:`SshShell.start`."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], mark: bytes, where: str, adaptor: str) -> None:
        self._process = process
        self._where = where
        self._adaptor = adaptor
        self._streams = (_Stream(process.stdout, mark), _Stream(process.stderr, mark))

    async def write(self, data: bytes) -> None:
        """Send *data* to the script's standard input."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def write_eof(self) -> None:
        """Close the script's standard input."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()

    async def output(self) -> AsyncIterator[Output]:
        """Yield the script's output as it arrives."""
        stdout, _ = self._streams
        reading = {asyncio.ensure_future(stream.read()): stream for stream in self._streams}
        try:
            while reading:
                done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    stream = reading.pop(task)
                    piece = self._received(task)
                    if not stream.ended:
                        reading[asyncio.ensure_future(stream.read())] = stream
                    if piece:
                        yield Output(piece) if stream is stdout else Output(b"", piece)
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def wait(self) -> Ended:
        """Wait until the script ends. Raises NotConnectedException if the login shell or its profile ended before the script started."""
        await self._process.wait_closed()
        status, signal = self._process.exit_status, self._process.exit_signal
        if status is None:
            raise self._lost("")
        if all(stream.ended and not stream.begun for stream in self._streams):
            raise self._not_begun(f"signal {signal[0]}" if signal else str(status))
        return Ended(None, signal[0]) if signal else Ended(status)

    async def close(self) -> None:
        """Close the channel. The host counts the session as in use until the script ends on its own."""
        self._process.close()

    def kill(self) -> None:
        """Kill the script and everything it started, if the host allows it."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.send_signal("KILL")

    def _received(self, task: asyncio.Future[bytes]) -> bytes:
        try:
            return task.result()
        except (OSError, asyncssh.Error) as error:
            raise self._lost(str(error)) from error.with_traceback(None)

    def _lost(self, why: str) -> ConnectionLostException:
        reason = f"the connection to {self._where} was lost while a script was running there" + (f": {why}" if why else "")
        return ConnectionLostException(reason, adaptor=self._adaptor)

    def _not_begun(self, status: str) -> NotConnectedException:
        said = b"".join(stream.noise for stream in self._streams).decode(errors="replace").strip()
        printed = f", and printed {said!r}" if said else ""
        hint = "Check that `ssh HOST true` works, and check the account's login shell and profile"
        reason = f"the login shell on {self._where} ended with {status} before it ran the script{printed}"
        return NotConnectedException(reason, adaptor=self._adaptor, hint=hint)


class _Stream:
    """An output stream of a script, without anything printed before the script started.

    Attributes:
        begun: True once the script has started.
        ended: True once the stream has ended.
        noise: The last part of what was printed before the script started.
    """

    def __init__(self, reader: asyncssh.SSHReader[bytes], mark: bytes) -> None:
        self._reader = reader
        self._mark = mark + b"\n"
        self.begun = False
        self.ended = False
        self.noise = b""

    async def read(self) -> bytes:
        """Return a piece of the script's output, which may be empty."""
        piece = await self._reader.read(_PIECE)
        self.ended = not piece
        if self.begun:
            return piece
        self.noise, mark, rest = (self.noise + piece).partition(self._mark)
        self.noise = self.noise[-_NOISE_KEPT:]
        self.begun = bool(mark)
        return rest


class SshShell(Shell):
    """A shell on another machine. It owns *link*."""

    def __init__(self, link: SshLink, adaptor: str = "ssh") -> None:
        self._link = link
        self._adaptor = adaptor

    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """Run *script* to its end."""
        process = await self.start(script)
        try:
            return await asyncio.wait_for(self._collect(process, stdin), timeout)
        except TimeoutError:
            process.kill()
            reason = f"a script on {self._link.place.target} did not end within {timeout:g} seconds and was killed"
            raise ConnectionLostException(reason, adaptor=self._adaptor) from None
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            await process.close()

    async def start(self, script: str) -> SshProcess:
        """Start *script* and return the running process."""
        try:
            text = script.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise IllegalArgumentException(f"a script cannot contain {script[error.start]!r}", adaptor=self._adaptor) from None
        if b"\0" in text:
            raise IllegalArgumentException("a script cannot contain a null character", adaptor=self._adaptor)
        mark = secrets.token_hex(16).encode()
        process = SshProcess(await self._open(), mark, str(self._link.place.target), self._adaptor)
        try:
            await process.write(mark + b"\n" + text + b"\n" + mark + b"\n")
        except BaseException:
            await process.close()
            raise
        return process

    async def close(self) -> None:
        """Close the link."""
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
