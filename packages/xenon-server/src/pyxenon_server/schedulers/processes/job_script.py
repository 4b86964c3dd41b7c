"""A job description as a script for a POSIX ``sh``: every value arrives byte for byte, and nothing in it is interpreted.

The functions and the variables ``xk_…`` that a script uses are in ``job.sh`` and ``keeper.sh``.
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
    """What the keeper runs for a batch job with the id *identity*; relative paths are resolved against *directory*, or the home."""
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
    """What a shell of its own runs for an interactive job; *file* is the record that the keeper has of it."""
    session = [f"xk_file={quote(file)}", 'echo "pid $$" >>"$xk_file"']
    if description.executable.startswith("-") or not all(map(is_exportable, description.environment)):
        session.append('xk_with="$(command -v env) --" xk_then="$(command -v nice) -n 0 --"')
    program = _program(description, "${xk_then}" if description.executable.startswith("-") else "", "${xk_with}", "${xk_then}")
    return "\n".join((shell_text("job.sh"), *session, *_preparation(identity, description, directory), program))


@cache
def shell_text(name: str) -> str:
    """The shell script *name* of this folder, without its comments."""
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
    """The words that become the program, with what has to go before it: *bare*, or *with_variables*, the variables, and *then*."""
    program = (description.executable, *description.arguments)
    return f"xk_begin; {program_line(program, description.environment, bare=bare, env=with_variables, then=then)}"


def _explicit(place: str) -> str:
    """A relative path so that ``cd`` looks for it nowhere else, and takes none for ``-``."""
    return place if place.startswith("/") else f"./{place}"
