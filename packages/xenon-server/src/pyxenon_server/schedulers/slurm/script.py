"""The parts of a batch job's script that are specific to Slurm."""

from __future__ import annotations

import posixpath
import re

from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.job_script import job_script

__all__ = ["batch_script", "is_plain_file"]

# Paths in which Slurm neither replaces nor escapes anything.
_PLAIN = re.compile(r"[A-Za-z0-9_./@:+=,~-]+", re.ASCII)


def is_plain_file(name: str, directory: str) -> bool:
    """Return True if Slurm opens *name*, relative to *directory*, unchanged; the script opens other files.

    Slurm replaces ``%`` and removes backslashes in the whole path.
    """
    return bool(name) and _PLAIN.fullmatch(posixpath.join(directory, name)) is not None


def batch_script(description: JobDescription, directory: str) -> str:
    """Return the script that runs *description* in *directory*, which is absolute."""
    launcher = []
    if description.start_per_task:
        cores = [f"--cpus-per-task={description.cores_per_task}"] if description.cores_per_task else []
        launcher = ["srun", "--export=ALL", *cores, "--"]
    return job_script(description, directory, launcher, is_plain_file)
