"""The thread pool for blocking calls of file systems on this machine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")

# Enough for the reads, writes and listings of two or three concurrent copies; metadata of files on local disks needs no thread.
_MOST_THREADS = 8
_threads = ThreadPoolExecutor(_MOST_THREADS, "xenon-files")


def _new_pool_after_fork() -> None:
    """Replace the pool in a forked process, where its threads do not exist, but the pool would wait for them."""
    global _threads
    _threads = ThreadPoolExecutor(_MOST_THREADS, "xenon-files")


os.register_at_fork(after_in_child=_new_pool_after_fork)


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call *function* in a thread and return its result. It runs to its end even if the caller is cancelled."""
    try:
        outcome = asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)
    except RuntimeError as error:
        # Since Python 3.13, pools reject work slightly before the main thread counts as ended; then only the message tells.
        if threading.main_thread().is_alive() and "shutdown" not in str(error):
            raise
        return function(*arguments)  # Python is exiting and pools reject work: only cleanup is left, and blocking is acceptable
    return await outcome
