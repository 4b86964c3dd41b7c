"""The batch script of a job: a description in the words of a POSIX shell, with every value quoted."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from pyxenon_core.messages import JobDescription
from pyxenon_server.shells.words import command_line, quote

__all__ = ["batch_script", "is_plain_file", "run_lines"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Some shells do not let these be set.
_READ_ONLY = ("BASHOPTS", "BASH_VERSINFO", "EUID", "GROUPS", "PPID", "SHELLOPTS", "UID")
# Paths in which Slurm finds nothing to replace, and nothing to escape.
_PLAIN = re.compile(r"[A-Za-z0-9_./@:+=,~-]+", re.ASCII)
# Slurm refuses scripts that have a carriage return before a line break.
_CARRIAGE_RETURN = "'\"$_xenon_cr\"'"


def is_plain_file(name: str, directory: str) -> bool:
    """Whether Slurm takes *name*, seen from *directory*, for what it is; others are opened by the script.

    Slurm replaces ``%`` and takes out backslashes in the whole path.
    """
    return bool(name) and _PLAIN.fullmatch(posixpath.join(directory, name)) is not None


def batch_script(description: JobDescription, directory: str) -> str:
    """The script that runs *description* in *directory*, which is absolute."""
    program = [description.executable, *description.arguments]
    if description.start_per_task:
        cores = [f"--cpus-per-task={description.cores_per_task}"] if description.cores_per_task else []
        program = ["srun", "--export=ALL", *cores, "--", *program]
    own = directory if description.working_directory else ""
    lines = run_lines(own, description.environment, program, _redirections(description, directory))
    return "#!/bin/sh\n" + "\n".join(_without_carriage_returns(lines)) + "\n"


def run_lines(directory: str, environment: Mapping[str, str], program: list[str], redirections: str = "") -> list[str]:
    """The lines that become *program*, in *directory* and with *environment* beside what is there already."""
    lines = [f"cd {quote(directory)} || exit 1"] if directory else []
    exported = {name: value for name, value in environment.items() if _IDENTIFIER.fullmatch(name) and name not in _READ_ONLY}
    others = {name: value for name, value in environment.items() if name not in exported}
    lines += [f"export {name}={quote(value)}" for name, value in exported.items()]
    lines.append(f"exec {_command(program, others)}{redirections}")
    return lines


def _command(program: list[str], environment: Mapping[str, str]) -> str:
    """*program* with what no shell can export, and with a name that is never taken for an option or an assignment."""
    words = list(program)
    if program[0].startswith("-") or (environment and "=" in program[0]):
        words = ["nice", "-n", "0", "--", *words]
    if environment:
        words = ["env", *(f"{name}={value}" for name, value in environment.items()), *words]
    return command_line(words)


def _redirections(description: JobDescription, directory: str) -> str:
    stdin, stdout, stderr = description.stdin, description.stdout, description.stderr
    text = f" <{quote(stdin)}" if stdin else ""
    if stdout and not is_plain_file(stdout, directory):
        text += f" >{quote(stdout)}"
    if stderr and not is_plain_file(stderr, directory):
        text += " 2>&1" if stderr == stdout else f" 2>{quote(stderr)}"
    return text


def _without_carriage_returns(lines: Iterable[str]) -> list[str]:
    """All of them are between single quotes, since nothing but values holds any."""
    text = [line.replace("\r", _CARRIAGE_RETURN) for line in lines]
    return ["_xenon_cr=$(printf '\\r')", *text] if any("\r" in line for line in lines) else text
