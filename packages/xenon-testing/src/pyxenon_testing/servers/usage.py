"""Instructions for using a running server: lines to type in Python and in a shell, without secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["usage"]

# Adaptors that ``embedded:`` does not have, and that ``java:`` cannot open on these servers.
_NOT_OPENED = {
    "torque": "calls qstat in a form that is not supported here",
    "s3": "needs an older Java for it",
}
# A command for each adaptor that shows the system behind it.
_COMMANDS = {"ssh": "uname -a", "slurm": "sinfo", "torque": "qstat -Q", "gridengine": "qhost", "at": "atq"}


def usage(name: str, server: Server, ssh_config: Path) -> list[str]:
    """Return the lines for the server *name*; comments begin with ``#``, as in Python and in a shell."""
    return ["# In Python:", *_python(name, server), "", "# In a shell:", *_shell(name, server, ssh_config)]


def _python(name: str, server: Server) -> Iterator[str]:
    yield f'from pyxenon_testing import attach; server = attach("{name}")'
    usual = server.adaptor
    if server.files and server.files.adaptor not in _NOT_OPENED:
        yield "files = server.filesystem()"
    others = [access.adaptor for access in server.jobs if access.adaptor not in _NOT_OPENED]
    if usual in _NOT_OPENED:
        yield f"# The adaptor {usual} needs another Xenon server than the Java one, which {_NOT_OPENED[usual]}."
    if usual in others:
        yield "scheduler = server.scheduler()"
    elif others:
        yield f'scheduler = server.scheduler("{others[0]}")'
    if isinstance(server, SshServer):
        yield f'print(server.run("{_COMMANDS.get(usual, "uname -a")}"))'
    elif usual in _NOT_OPENED:
        yield "print(server.location, server.username)"


def _shell(name: str, server: Server, ssh_config: Path) -> Iterator[str]:
    if isinstance(server, SshServer):
        yield shlex.join(["ssh", "-F", str(ssh_config), name])
    yield shlex.join(["docker", "exec", "-it", server.container.name, "bash"])
