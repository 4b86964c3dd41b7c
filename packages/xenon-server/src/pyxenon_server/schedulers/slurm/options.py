"""Translate a job description into options of ``sbatch`` and ``srun``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyxenon_core.errors import InvalidJobDescriptionException
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.slurm.native import NativeOptions, native_options
from pyxenon_server.schedulers.slurm.script import is_plain_file

__all__ = ["batch_options", "begin_time", "interactive_options", "job_name"]

_START = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?: ([0-2]\d|3[01])\.(0\d|1[0-2])(?:\.(\d{4}))?)?", re.ASCII)


def batch_options(description: JobDescription, directory: str, tag: str) -> list[str]:
    """Return the options for ``sbatch``: those of *description*, then its scheduler arguments, which win. *tag* ends the comment."""
    native = native_options(description.scheduler_arguments)
    return [
        *_common(description, directory),
        f"--output={_file(description.stdout, directory)}",
        f"--error={_file(description.stderr, directory)}",
        *native.words,
        _comment(native, tag),
    ]


def interactive_options(description: JobDescription, directory: str, tag: str) -> list[str]:
    """Return the options for ``srun``, like :func:`batch_options`."""
    native = native_options(description.scheduler_arguments)
    return [*_common(description, directory), *native.words, _comment(native, tag)]


def job_name(description: JobDescription, usual: str) -> str:
    """Return the job's name in Slurm, which is *usual* if *description* sets none."""
    return native_options(description.scheduler_arguments).name or description.name or usual


def begin_time(text: str) -> str:
    """Convert a job description's start time for ``--begin``; raises InvalidJobDescriptionException if it is malformed."""
    if text == "now":
        return "now"
    match = _START.fullmatch(text)
    if not match:
        forms = "HH:mm, HH:mm dd.MM, HH:mm dd.MM.yyyy or now"
        raise InvalidJobDescriptionException(f"cannot read start_time {text!r}: it must have one of the forms {forms}", adaptor="slurm")
    hour, minute, day, month, year = match.groups()
    if day is None:
        return f"{hour}:{minute}"
    return f"{year}-{month}-{day}T{hour}:{minute}" if year else f"{month}/{day}-{hour}:{minute}"


def _common(description: JobDescription, directory: str) -> Iterator[str]:
    if directory:
        yield f"--chdir={directory}"
    if description.name:
        yield f"--job-name={description.name}"
    if description.queue_name:
        yield f"--partition={description.queue_name}"
    if description.max_runtime:
        yield f"--time={description.max_runtime}"
    if description.max_memory:
        yield f"--mem={description.max_memory}M"
    if description.temp_space:
        yield f"--tmp={description.temp_space}M"
    if description.tasks:
        yield f"--ntasks={description.tasks}"
    if description.cores_per_task:
        yield f"--cpus-per-task={description.cores_per_task}"
    if description.tasks_per_node:
        yield f"--ntasks-per-node={description.tasks_per_node}"
    if description.start_time:
        yield f"--begin={begin_time(description.start_time)}"


def _comment(native: NativeOptions, tag: str) -> str:
    return f"--comment={native.comment} {tag}" if native.comment else f"--comment={tag}"


def _file(name: str, directory: str) -> str:
    """Return the file for Slurm itself to open: a file with a plain name, where it then also writes why it ended a job."""
    return name if is_plain_file(name, directory) else "/dev/null"
