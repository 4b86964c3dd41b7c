"""Has a Slurm cluster greet people."""

from __future__ import annotations

import xenon

__all__ = ["greet"]

SECONDS_TO_GREET = 60
# The name is an argument of the script, and never part of its text: a shell takes nothing in it for a command.
SCRIPT = b'#!/bin/sh\necho "hello $1, from $(hostname)"\n'


def greet(scheduler: xenon.Scheduler, files: xenon.FileSystem, folder: str, name: str) -> str:
    """What a job on the cluster says to *name*.

    *scheduler* runs commands on the cluster's login node, *files* is its file system, and *folder* an empty directory there. Raises
    RuntimeError when the job fails.
    """
    script, output = f"{folder}/greet.sh", f"{folder}/greeting"
    files.write_to_file(script, SCRIPT)
    submit = xenon.JobDescription(executable="/usr/bin/sbatch", arguments=["--wait", "--quiet", f"--output={output}", script, name])
    status = scheduler.wait_until_done(scheduler.submit_batch_job(submit), timeout=SECONDS_TO_GREET * 1000)
    if status.exit_code != 0:
        raise RuntimeError(f"the cluster did not greet {name}: {status.state}, exit code {status.exit_code} {status.error_message}")
    return b"".join(files.read_from_file(output)).decode()
