"""The options of ``sbatch`` and ``srun`` that a job description asks for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from xenon_core.errors import InvalidJobDescriptionException, UnsupportedJobDescriptionException
from xenon_core.messages import JobDescription
from xenon_server.schedulers.slurm.commands import NAME
from xenon_server.schedulers.slurm.script import is_plain_file

__all__ = ["batch_options", "begin_time", "directory_of", "interactive_options"]

_START = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?: ([0-2]\d|3[01])\.(0\d|1[0-2])(?:\.(\d{4}))?)?", re.ASCII)
_COMMENT = re.compile(r"--com(?:m|me|men|ment)?(?:=(?P<value>.*))?", re.DOTALL)
_WITH_VALUE = re.compile(r"(-[A-Za-z]|--[A-Za-z][A-Za-z-]*)[ \t]+(.*)", re.DOTALL | re.ASCII)
_REFUSED = {
    "-M": "open a scheduler on that cluster instead",
    "--clusters": "open a scheduler on that cluster instead",
    "--cluster": "open a scheduler on that cluster instead",
    "-W": "wait for the job instead",
    "--wait": "wait for the job instead",
    "--wrap": "the executable and its arguments are what runs",
    "--test-only": "nothing would be submitted",
    "-h": "nothing would be submitted",
    "--help": "nothing would be submitted",
    "--usage": "nothing would be submitted",
    "-V": "nothing would be submitted",
    "--version": "nothing would be submitted",
}


def batch_options(description: JobDescription, directory: str, tag: str) -> list[str]:
    """The options for ``sbatch``: those of *description*, and then its scheduler arguments, which win. *tag* ends the comment."""
    native, comment = _native(description)
    return [
        *_common(description, directory),
        f"--output={_file(description.stdout, directory)}",
        f"--error={_file(description.stderr, directory)}",
        *native,
        f"--comment={comment} {tag}" if comment else f"--comment={tag}",
    ]


def interactive_options(description: JobDescription, directory: str, tag: str) -> list[str]:
    """The options for ``srun``."""
    native, comment = _native(description)
    return [*_common(description, directory), *native, f"--comment={comment} {tag}" if comment else f"--comment={tag}"]


def directory_of(description: JobDescription, base: str) -> str:
    """The directory in which the job starts, seen from *base*, where the scheduler is."""
    return posixpath.join(base, description.working_directory) if description.working_directory else base


def begin_time(text: str) -> str:
    """A start time of a job description as ``--begin`` takes it; raises InvalidJobDescriptionException."""
    if text == "now":
        return "now"
    match = _START.fullmatch(text)
    if not match:
        forms = "HH:mm, HH:mm dd.MM, HH:mm dd.MM.yyyy or now"
        raise InvalidJobDescriptionException(f"the start_time {text!r} is none of the forms {forms}", adaptor=NAME)
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


def _file(name: str, directory: str) -> str:
    """What Slurm itself opens: with a plain name it also writes there why it ended a job."""
    return name if is_plain_file(name, directory) else "/dev/null"


def _native(description: JobDescription) -> tuple[list[str], str]:
    """The scheduler arguments, and the comment among them, which has to be joined with the tag."""
    words: list[str] = []
    for argument in description.scheduler_arguments:
        apart = _WITH_VALUE.fullmatch(argument)  # an option and its value in one text, as a line of #SBATCH has them
        words += [apart[1], apart[2]] if apart else [argument]
    kept: list[str] = []
    comment = ""
    remaining = iter(words)
    for word in remaining:
        _require_allowed(word)
        match = _COMMENT.fullmatch(word)
        if match is None:
            kept.append(word)
        else:
            comment = match["value"] if match["value"] is not None else next(remaining, "")
    return kept, comment


def _require_allowed(word: str) -> None:
    option = word.partition("=")[0] if word.startswith("--") else word[:2]
    advice = _REFUSED.get(option)
    if advice:
        reason = f"the scheduler argument {word!r} cannot be used here"
        raise UnsupportedJobDescriptionException(reason, adaptor=NAME, hint=f"Leave it out: {advice}.")
