"""Schedulers of the asynchronous API."""

from __future__ import annotations

from collections.abc import AsyncIterator

from typing_extensions import override

from pyxenon_core import messages
from pyxenon_core._generated.scheduler import SchedulerMethods, Schedulers
from pyxenon_core.errors import IncompleteJobDescriptionException, SchedulerClosedException
from pyxenon_core.handle import Closing
from pyxenon_core.streams import ByteSource

__all__ = ["Scheduler", "Schedulers"]


class Scheduler(Closing[messages.Scheduler], SchedulerMethods):
    """A scheduler: it runs jobs, here or on a cluster. Use it in ``async with``: it is closed at the end."""

    _closed_error = SchedulerClosedException

    @override
    async def submit_batch_job(self, description: messages.JobDescription) -> messages.Job:
        _require_executable(description, "submit_batch_job")
        return await super().submit_batch_job(description)

    @override
    async def submit_interactive_job(
        self, description: messages.JobDescription, stdin_stream: ByteSource
    ) -> tuple[messages.Job, AsyncIterator[messages.SubmitInteractiveJobResponse]]:
        _require_executable(description, "submit_interactive_job")
        return await super().submit_interactive_job(description, stdin_stream)


def _require_executable(description: messages.JobDescription, operation: str) -> None:
    """Raise unless *description* has an executable. xenon-grpc 3.0.1's local scheduler accepts a job without one and runs nothing."""
    if not isinstance(description, messages.JobDescription):
        raise TypeError(f"description must be a JobDescription, not {type(description).__name__}")
    if not description.executable:
        reason = "the job description names no executable"
        raise IncompleteJobDescriptionException(reason).about(operation, repr(description.name) if description.name else "")
