"""Jobs that are submitted together and waited for together, so that a scheduler which looks once a second costs a second and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

import xenon
from conformance.grounds import Ground, new_folder
from conformance.places import Place
from pyxenon_core.messages import Job
from xenon import JobDescription, JobStatus
from xenon.exceptions import XenonException

__all__ = ["Batch", "Described", "shell"]

SECONDS = 60
Described = Callable[[str, Place], JobDescription]


def shell(script: str, *arguments: str, **settings: object) -> JobDescription:
    """A job that runs *script* in a shell."""
    return JobDescription(executable="/bin/sh", arguments=["-c", script, "job", *arguments], **settings)  # type: ignore[arg-type]  # any field


@attrs.frozen
class Batch:
    """The jobs of a place, all of which have ended.

    Attributes:
        ground: The machine behind the scheduler.
        folder: The directory in which the jobs have left what they wrote.
    """

    ground: Ground
    folder: str
    _jobs: Mapping[str, Job]
    _statuses: Mapping[str, JobStatus]
    _errors: Mapping[str, XenonException]

    @classmethod
    def run(cls, place: Place, scheduler: xenon.Scheduler, described: Mapping[str, Described]) -> Batch:
        """Submit every job of *described*, and wait for all."""
        folder = new_folder(place.ground)
        jobs: dict[str, Job] = {}
        statuses: dict[str, JobStatus] = {}
        errors: dict[str, XenonException] = {}
        for name, describe in described.items():
            try:
                jobs[name] = scheduler.submit_batch_job(describe(folder, place))
            except XenonException as error:
                errors[name] = error
        for name, job in jobs.items():
            try:
                statuses[name] = scheduler.wait_until_done(job, timeout=SECONDS * 1000)
            except XenonException as error:
                errors[name] = error
        return cls(place.ground, folder, jobs, statuses, errors)

    def ended(self, name: str) -> JobStatus:
        """How the job *name* has ended; raises what was raised when it was submitted or waited for."""
        if name in self._errors:
            raise self._errors[name]
        status = self._statuses[name]
        assert status.done and not status.running, f"the job is still {status.state}"
        assert status.job == self._jobs[name]
        return status

    def succeeded(self, name: str) -> JobStatus:
        """As :meth:`ended`, for a job with which all must have gone well."""
        status = self.ended(name)
        assert not status.error_message, status.error_message
        assert status.exit_code == 0, f"the exit code is told as {status.exit_code}"
        return status

    def output(self, name: str) -> str:
        """What the job *name*, with which all must have gone well, has left in the file of its name."""
        self.succeeded(name)
        return self.file(name)

    def file(self, name: str) -> str:
        """What is in a file that a job has left."""
        return self.ground.run(f"cat '{self.folder}/{name}'").decode()
