"""The logs of a server, read so that Ctrl-C is always seen."""

from __future__ import annotations

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


def test_a_signal_that_does_not_wake_the_caller_ends_the_wait_too() -> None:
    """It arrives in another thread here, which leaves the caller asleep as one that arrives just before it blocks does."""
    ended = threading.Event()

    def silent() -> Iterator[bytes]:
        yield b"first"
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        ended.wait()

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGINT, end)
    try:
        with pytest.raises(SystemExit, match="130"):
            list(listing._interruptible(silent()))
    finally:
        signal.signal(signal.SIGINT, before)
        ended.set()
