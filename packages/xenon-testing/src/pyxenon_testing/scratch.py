"""The file systems and schedulers with a fresh directory that the fixtures give to a test, and their cleanup."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from pyxenon_testing.client import require_open

if TYPE_CHECKING:
    import pyxenon

__all__ = ["ScratchFileSystem", "ScratchScheduler", "cancel_jobs", "fresh_directory"]

SECONDS_TO_END = 10


@dataclass(frozen=True)
class ScratchFileSystem:
    """A file system for one test.

    Attributes:
        filesystem: The file system, which only this test uses and may close.
        directory: The absolute path of an empty directory on it. It is removed with its content after the test.
    """

    filesystem: pyxenon.FileSystem
    directory: pyxenon.Path


@dataclass(frozen=True)
class ScratchScheduler:
    """A scheduler for one test.

    Attributes:
        scheduler: The scheduler, which only this test uses. Jobs that are not done after the test are cancelled.
        filesystem: The file system with the jobs' files, to write their input and read their output.
        directory: The absolute path of an empty directory on it. It is removed with its content after the test.
    """

    scheduler: pyxenon.Scheduler
    filesystem: pyxenon.FileSystem
    directory: pyxenon.Path


@contextlib.contextmanager
def fresh_directory(session: pyxenon.Session, adaptor: str) -> Iterator[ScratchFileSystem]:
    """Yield a file system of *adaptor* with a new directory in the temporary directory; close and remove both at the end.

    Raises :class:`~pyxenon_core.errors.SessionError` if the session was closed.
    """
    import pyxenon
    from pyxenon_core.errors import NoSuchPathException

    require_open(session)
    directory = pyxenon.Path(tempfile.gettempdir()) / f"xenon-test-{uuid4().hex}"
    # Two file systems: the directory is removed even if the test closes its own.
    with pyxenon.FileSystem.create(adaptor) as broom, pyxenon.FileSystem.create(adaptor) as filesystem:
        broom.create_directory(directory)
        try:
            yield ScratchFileSystem(filesystem, directory)
        finally:
            with contextlib.suppress(NoSuchPathException):  # the test removed it
                broom.delete(directory, recursive=True)


def cancel_jobs(scheduler: pyxenon.Scheduler) -> None:
    """Cancel every job of *scheduler* that is not done, and wait for its end.

    Does nothing if the scheduler is closed. Raises TimeoutError for a job that does not end within :data:`SECONDS_TO_END` seconds.
    """
    if scheduler.is_open():
        for job in scheduler.get_jobs():
            _cancel(scheduler, job)


def _cancel(scheduler: pyxenon.Scheduler, job: pyxenon.Job) -> None:
    from pyxenon_core.errors import NoSuchJobException

    with contextlib.suppress(NoSuchJobException):  # done and forgotten
        status = scheduler.cancel_job(job)
        if not status.done:
            status = scheduler.wait_until_done(job, timeout=SECONDS_TO_END * 1000)
        if not status.done:
            raise TimeoutError(f"the job {job.id} is still {status.state} {SECONDS_TO_END} s after it was cancelled; end it manually")
