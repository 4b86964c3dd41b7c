"""Shell lines (POSIX) that run a program with an environment: every value arrives byte for byte, and the shell interprets none of it.

The shell sets the environment, so that its values are not among the arguments of a process, which everybody can read. Only variables that
a shell cannot set, or that shells use themselves, go through ``env``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyxenon_server.shells.words import command_line, quote

__all__ = ["export_lines", "is_exportable", "program_line"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Variables that POSIX shells, bash and ksh set themselves, refuse to set or treat specially, and those of our own scripts.
_KEPT_BY_SHELLS = re.compile(
    r"IFS|PWD|OLDPWD|PPID|OPT(IND|ARG|ERR)|LINENO|_|ENV|SHLVL|E?UID|GROUPS|S?RANDOM|SECONDS|EPOCH\w+|HIST\w*|DIRSTACK|FUNC(NAME|NEST)|FPATH"
    r"|SHELLOPTS|POSIX\w+|MAIL\w*|TMOUT|REPLY|MAPFILE|COPROC|PIPESTATUS|EXECIGNORE|GLOBIGNORE|ERRNO|BASH\w*|KSH\w*|COMP_\w+|xk_\w*"
)


def is_exportable(name: str) -> bool:
    """Return True if every shell can set the variable *name* for a program and leaves it unchanged."""
    return bool(_NAME.fullmatch(name)) and not _KEPT_BY_SHELLS.fullmatch(name)


def export_lines(environment: Mapping[str, str]) -> list[str]:
    """Return the lines that set those variables of *environment* that a shell can set."""
    return [f"export {name}={quote(value)}" for name, value in environment.items() if is_exportable(name)]


def program_line(program: Sequence[str], environment: Mapping[str, str], *, bare: str, env: str, then: str) -> str:
    """Return the line that execs *program*, with those variables of *environment* that a shell cannot set.

    *bare* precedes the program without such variables; otherwise *env*, the variables and *then* do. All three are shell text and
    may be empty. *then* and *bare* prevent that ``env`` takes a program with a ``=`` in its name for a variable, and that the shell takes
    one that begins with ``-`` for an option.
    """
    variables = [f"{name}={value}" for name, value in environment.items() if not is_exportable(name)]
    before = (env, command_line(variables), then) if variables else (bare,)
    return " ".join(["exec", *filter(None, before), command_line(program)])
