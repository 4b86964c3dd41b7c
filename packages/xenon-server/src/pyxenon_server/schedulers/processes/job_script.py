"""Turn a job description into a script for a POSIX ``sh``: every value arrives byte for byte, and the shell interprets none of it.

The functions and variables ``xk_…`` that a script uses are in ``job.sh`` and ``keeper.sh``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.common.description import MARK
from pyxenon_server.schedulers.common.programs import export_lines, is_exportable, program_line
from pyxenon_server.shells.words import quote

__all__ = ["batch_script", "interactive_script", "shell_text"]


def batch_script(identity: str, description: JobDescription, directory: str) -> str:
    """Return the keeper's script for the batch job *identity*. Relative paths start at *directory*, or at the home if it is empty."""
    program = _program(description, "${xk_bare}", "${xk_with}", "${xk_then}")
    same = bool(description.stdout) and description.stderr == description.stdout
    outputs = (
        ("stderr", "2>", "&1" if same else quote(description.stderr or "/dev/null")),
        ("stdout", ">", quote(description.stdout or "/dev/null")),
        ("stdin", "<", quote(description.stdin or "/dev/null")),
    )
    for name, sign, target in outputs:
        program = f"{{ {program}; }} {sign}{target} || xk_stop {name}"
    return "\n".join((*_preparation(identity, description, directory), program))


def interactive_script(identity: str, description: JobDescription, directory: str, file: str) -> str:
    """Return the script that an interactive job's own shell runs; *file* is the keeper's record of the job."""
    session = [f"xk_file={quote(file)}", 'echo "pid $$" >>"$xk_file"']
    if description.executable.startswith("-") or not all(map(is_exportable, description.environment)):
        session.append('xk_with="$(command -v env) --" xk_then="$(command -v nice) -n 0 --"')
    program = _program(description, "${xk_then}" if description.executable.startswith("-") else "", "${xk_with}", "${xk_then}")
    return "\n".join((shell_text("job.sh"), *session, *_preparation(identity, description, directory), program))


@cache
def shell_text(name: str) -> str:
    """Return the text of the shell script *name* in this directory, without its comments."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _preparation(identity: str, description: JobDescription, directory: str) -> list[str]:
    places = [place for place in (directory, description.working_directory) if place]
    return [
        *(f"cd -P -- {quote(_explicit(place))} || xk_stop directory" for place in places),
        *export_lines({**description.environment, MARK: identity}),
        f"xk_find {quote(description.executable)}",
    ]


def _program(description: JobDescription, bare: str, with_variables: str, then: str) -> str:
    """Return the line that execs the program, after *bare*, or after *with_variables*, the variables and *then*."""
    program = (description.executable, *description.arguments)
    return f"xk_begin; {program_line(program, description.environment, bare=bare, env=with_variables, then=then)}"


def _explicit(place: str) -> str:
    """Prefix a relative path with ``./``, so that ``cd`` ignores CDPATH and does not treat ``-`` specially."""
    return place if place.startswith("/") else f"./{place}"
