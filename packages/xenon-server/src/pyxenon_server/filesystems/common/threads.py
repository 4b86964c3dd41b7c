"""The threads in which file systems do what keeps them waiting for this machine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")

# Enough for the reads, writes and listings that two or three copies have under way; metadata of near files needs none.
_MOST_THREADS = 8
_threads = ThreadPoolExecutor(_MOST_THREADS, "xenon-files")


def _begin_anew_after_fork() -> None:
    """In the new process, where none of the threads is, though the pool would wait for them."""
    global _threads
    _threads = ThreadPoolExecutor(_MOST_THREADS, "xenon-files")


os.register_at_fork(after_in_child=_begin_anew_after_fork)


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """What *function* gives, called in a thread. It runs to its end even when nobody waits any more."""
    try:
        outcome = asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)
    except RuntimeError as error:
        # From Python 3.13 on, pools take no more work a moment before the main thread counts as ended; then the words tell.
        if threading.main_thread().is_alive() and "shutdown" not in str(error):
            raise
        return function(*arguments)  # Python ends, and its pools take no more work: what is left is to tidy up, and is waited for
    return await outcome
