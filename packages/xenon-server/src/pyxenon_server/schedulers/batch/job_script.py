"""Turn a job description into a script for a POSIX shell, with every value quoted.

:func:`job_script` builds all scripts of batch jobs, and the last line of :func:`run_lines` runs all programs. A record that a job keeps of
itself belongs there: what is to be written before the program begins goes before that line, and what is to be written after its end
replaces its ``exec``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence

from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.common.programs import export_lines, program_line
from pyxenon_server.shells.words import quote

__all__ = ["directory_of", "job_script", "run_lines"]

_NEXT = "nice -n 0 --"  # treats the next word as the program, whatever characters its name has
# Slurm refuses scripts that have a carriage return before a line break.
_CARRIAGE_RETURN = "'\"$xk_cr\"'"


def directory_of(description: JobDescription, base: str) -> str:
    """Return the directory in which the job starts; *base* is the scheduler's working directory."""
    return posixpath.join(base, description.working_directory) if description.working_directory else base


def job_script(description: JobDescription, directory: str, launcher: Sequence[str], is_opened: Callable[[str, str], bool]) -> str:
    """Return the script that runs *description* in *directory*, which is absolute.

    *launcher* precedes the program. *is_opened* takes a file and *directory*, and returns True if the batch system itself opens that file
    for standard output or error; the script opens all others.
    """
    program = [*launcher, description.executable, *description.arguments]
    own = directory if description.working_directory else ""
    lines = run_lines(own, description.environment, program, _redirections(description, directory, is_opened))
    return "#!/bin/sh\n" + "\n".join(_without_carriage_returns(lines)) + "\n"


def run_lines(directory: str, environment: Mapping[str, str], program: list[str], redirections: str = "") -> list[str]:
    """Return the shell lines that exec *program* in *directory*, with *environment* added to the existing one."""
    is_option = program[0].startswith("-")
    then = _NEXT if is_option or "=" in program[0] else ""
    return [
        *([f"cd {quote(directory)} || exit 1"] if directory else []),
        *export_lines(environment),
        program_line(program, environment, bare=_NEXT if is_option else "", env="env", then=then) + redirections,
    ]


def _redirections(description: JobDescription, directory: str, is_opened: Callable[[str, str], bool]) -> str:
    stdin, stdout, stderr = description.stdin, description.stdout, description.stderr
    text = f" <{quote(stdin)}" if stdin else ""
    if stdout and not is_opened(stdout, directory):
        text += f" >{quote(stdout)}"
    if stderr and not is_opened(stderr, directory):
        text += " 2>&1" if stderr == stdout else f" 2>{quote(stderr)}"
    return text


def _without_carriage_returns(lines: Iterable[str]) -> list[str]:
    """Replace the carriage returns, which are all inside single quotes: only quoted values contain any."""
    text = [line.replace("\r", _CARRIAGE_RETURN) for line in lines]
    return ["xk_cr=$(printf '\\r')", *text] if any("\r" in line for line in lines) else text
