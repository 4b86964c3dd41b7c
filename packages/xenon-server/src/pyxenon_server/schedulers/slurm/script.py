"""Slurm's part of the script of a batch job."""

from __future__ import annotations

import posixpath
import re

from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.job_script import job_script

__all__ = ["batch_script", "is_plain_file"]

# Paths in which Slurm finds nothing to replace, and nothing to escape.
_PLAIN = re.compile(r"[A-Za-z0-9_./@:+=,~-]+", re.ASCII)


def is_plain_file(name: str, directory: str) -> bool:
    """Return True if Slurm takes *name*, seen from *directory*, for what it is; others are opened by the script.

    Slurm replaces ``%`` and takes out backslashes in the whole path.
    """
    return bool(name) and _PLAIN.fullmatch(posixpath.join(directory, name)) is not None


def batch_script(description: JobDescription, directory: str) -> str:
    """The script that runs *description* in *directory*, which is absolute."""
    launcher = []
    if description.start_per_task:
        cores = [f"--cpus-per-task={description.cores_per_task}"] if description.cores_per_task else []
        launcher = ["srun", "--export=ALL", *cores, "--"]
    return job_script(description, directory, launcher, is_plain_file)
