"""Write batching: everything that a connection sends in one iteration of the event loop goes to the operating system in one call.

asyncssh makes a system call for each packet, and one for an empty packet of a few bytes before it, as a guard against an old weakness of
block ciphers. For a large file these system calls cost more time than everything else together.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
from typing_extensions import override

__all__ = ["batch_writes"]

_AT_ONCE = 256 << 10


def batch_writes(connection: asyncssh.SSHClientConnection) -> None:
    """Batch the writes of *connection*; no effect if it is tunnelled through another connection or asyncssh's internals have changed."""
    transport = getattr(connection, "_transport", None)
    if isinstance(transport, asyncio.Transport) and not isinstance(transport, _BatchingTransport):
        connection._transport = _BatchingTransport(transport)


class _BatchingTransport(asyncio.Transport):
    """A wrapper of a transport that provides the methods which asyncssh uses."""

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
