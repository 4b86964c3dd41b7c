"""The logs of a server, read so that Ctrl-C is always seen."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from pyxenon_testing.servers import listing


def test_the_pieces_come_in_order_to_the_end() -> None:
    pieces = [bytes([number]) for number in range(4 * listing.PIECES_AHEAD)]
    assert list(listing._interruptible(pieces)) == pieces


def test_an_error_of_the_stream_reaches_who_reads_the_log() -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionResetError("the engine is gone")

    reading = listing._interruptible(broken())
    assert next(reading) == b"first"
    with pytest.raises(ConnectionResetError, match="the engine is gone"):
        next(reading)


def test_a_signal_ends_the_wait_for_a_read_that_it_does_not_interrupt() -> None:
    silent, reads = threading.Event(), []

    def blocked() -> Iterator[bytes]:
        reads.append(threading.current_thread())
        yield b"first"
        silent.wait()

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    reading = listing._interruptible(blocked())
    assert next(reading) == b"first"
    before = signal.signal(signal.SIGINT, end)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(SystemExit, match="130"):
            next(reading)
    finally:
        signal.signal(signal.SIGINT, before)
        silent.set()
    assert reads != [threading.main_thread()]
