"""Sending in one go what a turn of the event loop has written."""

from __future__ import annotations

import asyncio

from pyxenon_server.ssh.batching import _BatchingTransport


class Recorder(asyncio.Transport):
    """Takes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.said.append("closed")

    def abort(self) -> None:
        self.said.append("aborted")


async def test_a_turn_is_one_write_in_order() -> None:
    recorder = Recorder()
    transport = _BatchingTransport(recorder)
    for number in range(5):
        transport.write(b"%d" % number)
    assert recorder.said == []
    await asyncio.sleep(0)
    assert recorder.said == [b"01234"]
    transport.write(b"5")
    await asyncio.sleep(0)
    assert recorder.said == [b"01234", b"5"]


async def test_much_does_not_wait_for_the_turn() -> None:
    recorder = Recorder()
    transport = _BatchingTransport(recorder)
    for _ in range(5):
        transport.write(bytes(100_000))
    assert recorder.said == [bytes(300_000)]
    await asyncio.sleep(0)
    assert recorder.said == [bytes(300_000), bytes(200_000)]


async def test_closing_sends_the_rest_first() -> None:
    recorder = Recorder()
    transport = _BatchingTransport(recorder)
    transport.write(b"rest")
    transport.close()
    assert recorder.said == [b"rest", "closed"]


async def test_nothing_is_sent_after_an_end() -> None:
    recorder = Recorder()
    transport = _BatchingTransport(recorder)
    transport.write(b"rest")
    transport.abort()
    await asyncio.sleep(0)
    transport.write(b"more")
    recorder.closing = True
    await asyncio.sleep(0)
    assert recorder.said == ["aborted"]
