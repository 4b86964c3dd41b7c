"""Greet people from a Slurm cluster."""

from __future__ import annotations

import xenon

__all__ = ["greet"]

SECONDS_TO_GREET = 60


def greet(scheduler: xenon.Scheduler, files: xenon.FileSystem, folder: str, name: str) -> str:
    """Run a job on the cluster that greets *name*, and return what it printed.

    *scheduler* is the cluster's, *files* its file system, and *folder* a directory there. Raises RuntimeError if the job fails.
    """
    greeting = f"{folder}/greeting"
    description = xenon.JobDescription(executable="echo", arguments=["hello", name], stdout=greeting)
    status = scheduler.wait_until_done(scheduler.submit_batch_job(description), timeout=SECONDS_TO_GREET * 1000)
    if status.exit_code != 0:
        raise RuntimeError(f"the cluster did not greet {name}: {status.state}, exit code {status.exit_code} {status.error_message}")
    return b"".join(files.read_from_file(greeting)).decode()
