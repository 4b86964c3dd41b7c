"""Check job descriptions: for what no scheduler accepts, and for what needs a batch system."""

from __future__ import annotations

from collections.abc import Iterator

from pyxenon_core.errors import (
    IncompleteJobDescriptionException,
    InvalidJobDescriptionException,
    NoSuchQueueException,
    UnsupportedJobDescriptionException,
)
from pyxenon_core.messages import JobDescription

__all__ = ["MARK", "check_description", "check_interactive", "check_plain", "no_such_queue"]

MARK = "XENON_JOB"  # the environment variable that identifies the processes of a job


def check_description(adaptor: str, description: JobDescription) -> None:
    """Raise an error if no scheduler can run *description*.

    Raises:
        IncompleteJobDescriptionException: There is no executable.
        InvalidJobDescriptionException: A text cannot be passed to a program, or the name of an environment variable is not valid.
    """
    if not description.executable:
        raise IncompleteJobDescriptionException("the job description has no executable", adaptor=adaptor)
    for field, text in _texts(description):
        why = _unusable(text)
        if why:
            raise _invalid(adaptor, field, f"cannot be {text!r}: {why}")
    for name in description.environment:
        if not name or "=" in name or name == MARK:
            why = "the scheduler sets it for every job" if name == MARK else "a variable's name must not be empty or contain ="
            raise _invalid(adaptor, "environment", f"cannot set {name!r}: {why}")


def check_interactive(adaptor: str, description: JobDescription) -> None:
    """Raise InvalidJobDescriptionException if an interactive job redirects its streams, which go to and come from the client."""
    for field in ("stdin", "stdout", "stderr"):
        if getattr(description, field):
            raise _invalid(adaptor, field, "cannot be a file for an interactive job: its streams go over the connection")


def check_plain(adaptor: str, description: JobDescription) -> None:
    """Raise an error if a machine without a batch system cannot run *description*. Cores and memory are ignored.

    Raises:
        IncompleteJobDescriptionException: As for :func:`check_description`.
        InvalidJobDescriptionException: As for :func:`check_description`, or it asks for several tasks.
        UnsupportedJobDescriptionException: It asks for a start time or temporary space, or has options for a batch system.
    """
    check_description(adaptor, description)
    if description.tasks > 1:
        raise _invalid(adaptor, "tasks", f"cannot be {description.tasks}: this scheduler runs one task per job; submit several jobs")
    unsupported = {
        "scheduler_arguments": description.scheduler_arguments,
        "temp_space": description.temp_space,
        "start_time": "" if description.start_time == "now" else description.start_time,
    }
    for field, value in unsupported.items():
        if value:
            reason = f"{field} cannot be {value!r}: it needs a batch system"
            raise UnsupportedJobDescriptionException(reason, adaptor=adaptor, hint="Leave it out, or use a scheduler for a cluster")


def no_such_queue(adaptor: str, queue: str, names: tuple[str, ...]) -> NoSuchQueueException:
    """Return the exception for a queue that is not one of *names*."""
    return NoSuchQueueException(f"unknown queue {queue!r}; the queues are {', '.join(names)}", adaptor=adaptor)


def _texts(description: JobDescription) -> Iterator[tuple[str, str]]:
    for field in ("executable", "working_directory", "stdin", "stdout", "stderr", "name", "queue_name", "start_time"):
        yield field, getattr(description, field)
    for field in ("arguments", "scheduler_arguments"):
        yield from ((field, text) for text in getattr(description, field))
    for name, value in description.environment.items():
        yield "environment", name
        yield "environment", value


def _unusable(text: str) -> str:
    """Return why *text* cannot be passed to a program; empty if it can."""
    if "\0" in text:
        return "it contains a null character, which arguments, names and paths cannot contain"
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        return f"it contains a lone surrogate, {text[error.start]!r}"
    return ""


def _invalid(adaptor: str, field: str, why: str) -> InvalidJobDescriptionException:
    return InvalidJobDescriptionException(f"{field} {why}", adaptor=adaptor)
