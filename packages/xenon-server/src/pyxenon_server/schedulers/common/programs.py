"""The lines of a POSIX shell that run a program with an environment: every value arrives byte for byte, and nothing in it is interpreted.

The environment is set by the shell, so that its values are never among the arguments of a process, where everybody can read them; only a
variable that no shell can set, or that shells keep for themselves, goes through ``env``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyxenon_server.shells.words import command_line, quote

__all__ = ["export_lines", "is_exportable", "program_line"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# What POSIX shells, bash and ksh set, refuse to set or watch, and what our own scripts use.
_KEPT_BY_SHELLS = re.compile(
    r"IFS|PWD|OLDPWD|PPID|OPT(IND|ARG|ERR)|LINENO|_|ENV|SHLVL|E?UID|GROUPS|S?RANDOM|SECONDS|EPOCH\w+|HIST\w*|DIRSTACK|FUNC(NAME|NEST)|FPATH"
    r"|SHELLOPTS|POSIX\w+|MAIL\w*|TMOUT|REPLY|MAPFILE|COPROC|PIPESTATUS|EXECIGNORE|GLOBIGNORE|ERRNO|BASH\w*|KSH\w*|COMP_\w+|xk_\w*"
)


def is_exportable(name: str) -> bool:
    """Return True if every shell can set the variable *name* for a program, and leaves it as it was set."""
    return bool(_NAME.fullmatch(name)) and not _KEPT_BY_SHELLS.fullmatch(name)


def export_lines(environment: Mapping[str, str]) -> list[str]:
    """Return the lines that set what a shell can set of *environment*."""
    return [f"export {name}={quote(value)}" for name, value in environment.items() if is_exportable(name)]


def program_line(program: Sequence[str], environment: Mapping[str, str], *, bare: str, env: str, then: str) -> str:
    """Return the line that becomes *program*, with what no shell can set of *environment*.

    *bare* comes before the program where nothing is left to set; else *env*, the variables, and *then*. All three are shell text and may
    be empty: ``env`` takes a name with a ``=`` for a variable, and a shell one that begins with ``-`` for an option, unless *then* and
    *bare* prevent that.
    """
    variables = [f"{name}={value}" for name, value in environment.items() if not is_exportable(name)]
    before = (env, command_line(variables), then) if variables else (bare,)
    return " ".join(["exec", *filter(None, before), command_line(program)])
