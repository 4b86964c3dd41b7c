"""Asynchronous tests, each in an event loop of its own, and file systems of a server in this process."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import pyxenon_core
from pyxenon_core import messages
from pyxenon_core.filesystem import FileSystem

__all__ = ["ended", "files", "pytest_pyfunc_call", "until"]

SECONDS_FOR_A_TEST = 120


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test in an event loop of its own, and see to it that it leaves no task behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def run() -> None:
        await asyncio.wait_for(pyfuncitem.obj(**arguments), SECONDS_FOR_A_TEST)
        await asyncio.sleep(0.01)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left running: {left}"

    asyncio.run(run())
    return True


@contextlib.asynccontextmanager
async def files(folder: Path) -> AsyncIterator[FileSystem]:
    """The files of this machine, seen from *folder*, on a server of their own."""
    async with await pyxenon_core.connect("embedded:") as client:
        yield await client.filesystems.create("file", str(folder))


async def ended(files: FileSystem, operation: messages.CopyOperation) -> messages.CopyStatus:
    """The status of a copy when it has ended."""
    status = await files.wait_until_done(operation, 60_000)
    assert status.done, f"the copy is still {status.state}"
    return status


async def until(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until *happened* is true."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"it did not happen that {what}; there are {threading.active_count()} threads"
        await asyncio.sleep(0.005)
