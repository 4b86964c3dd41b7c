"""What a connection sends within one turn of the event loop, handed to the system in one go.

asyncssh hands over each packet by itself, and before each an empty one of a few bytes, as a guard against an old weakness of block ciphers.
For a large file these calls into the system cost more time than all else together.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
from typing_extensions import override

__all__ = ["batch_writes"]

_AT_ONCE = 256 << 10


def batch_writes(connection: asyncssh.SSHClientConnection) -> None:
    """Let *connection* send so from now on; nothing changes where it goes through another connection, or asyncssh has become another."""
    transport = getattr(connection, "_transport", None)
    if isinstance(transport, asyncio.Transport) and not isinstance(transport, _BatchingTransport):
        connection._transport = _BatchingTransport(transport)


class _BatchingTransport(asyncio.Transport):
    """A transport before another one, with all of it that asyncssh uses."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._batch: list[bytes | bytearray | memoryview] = []
        self._size = 0

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._batch:
            self._loop.call_soon(self._flush)
        self._batch.append(data)
        self._size += len(data)
        if self._size >= _AT_ONCE:
            self._flush()

    @override
    def close(self) -> None:
        self._flush()
        self._transport.close()

    @override
    def abort(self) -> None:
        self._batch.clear()
        self._transport.abort()

    @override
    def is_closing(self) -> bool:
        return self._transport.is_closing()

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    @override
    def pause_reading(self) -> None:
        self._transport.pause_reading()

    @override
    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def _flush(self) -> None:
        batch, self._batch, self._size = self._batch, [], 0
        if batch and not self._transport.is_closing():
            self._transport.write(b"".join(batch))
