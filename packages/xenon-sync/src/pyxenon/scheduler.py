"""Schedulers, synchronously."""

from __future__ import annotations

from pyxenon._generated.scheduler import SchedulerMethods

__all__ = ["Scheduler"]


class Scheduler(SchedulerMethods):
    """A scheduler: it runs jobs, here or on a cluster. Use it in a ``with`` statement: it is closed at the end.

    ::

        with xenon.Scheduler.create("local") as scheduler:
            job = scheduler.submit_batch_job(xenon.JobDescription(executable="hostname", stdout="/tmp/name.txt"))
            status = scheduler.wait_until_done(job)
            print(status.exit_code)
    """
