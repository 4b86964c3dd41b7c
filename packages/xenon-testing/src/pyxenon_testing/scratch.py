"""What the fixtures hand to a test: a file system or scheduler with a fresh directory, and how both are cleared away."""

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
        filesystem: The file system, which is the test's own and may be closed by it.
        directory: An empty directory on it, by its absolute path. It is removed after the test with all that is in it.
    """

    filesystem: pyxenon.FileSystem
    directory: pyxenon.Path


@dataclass(frozen=True)
class ScratchScheduler:
    """A scheduler for one test.

    Attributes:
        scheduler: The scheduler, which is the test's own. Jobs that are not done after the test are cancelled.
        filesystem: A file system on which the jobs' files are, to write their input and read their output.
        directory: An empty directory on it, by its absolute path. It is removed after the test with all that is in it.
    """

    scheduler: pyxenon.Scheduler
    filesystem: pyxenon.FileSystem
    directory: pyxenon.Path


@contextlib.contextmanager
def fresh_directory(session: pyxenon.Session, adaptor: str) -> Iterator[ScratchFileSystem]:
    """A file system of *adaptor* with a new directory in the server's temporary directory; both are gone at the end.

    Raises :class:`~pyxenon_core.errors.SessionError` when the session was closed.
    """
    import pyxenon
    from pyxenon_core.errors import NoSuchPathException

    require_open(session)
    directory = pyxenon.Path(tempfile.gettempdir()) / f"xenon-test-{uuid4().hex}"
    # Two handles: the test may do with its own what it likes, also close it, and the directory is removed all the same.
    with pyxenon.FileSystem.create(adaptor) as broom, pyxenon.FileSystem.create(adaptor) as filesystem:
        broom.create_directory(directory)
        try:
            yield ScratchFileSystem(filesystem, directory)
        finally:
            with contextlib.suppress(NoSuchPathException):  # the test removed it
                broom.delete(directory, recursive=True)


def cancel_jobs(scheduler: pyxenon.Scheduler) -> None:
    """Cancel every job of *scheduler* that is not done, and see it end.

    Does nothing for a scheduler that is closed. Raises TimeoutError for a job that does not end within :data:`SECONDS_TO_END` seconds.
    """
    if scheduler.is_open():
        for job in scheduler.get_jobs():
            _cancel(scheduler, job)


def _cancel(scheduler: pyxenon.Scheduler, job: pyxenon.Job) -> None:
    from pyxenon_core.errors import NoSuchJobException

    with contextlib.suppress(NoSuchJobException):  # done, and forgotten
        status = scheduler.cancel_job(job)
        if not status.done:
            status = scheduler.wait_until_done(job, timeout=SECONDS_TO_END * 1000)
        if not status.done:
            raise TimeoutError(f"the job {job.id} is still {status.state} {SECONDS_TO_END} s after it was cancelled; end it by hand")
