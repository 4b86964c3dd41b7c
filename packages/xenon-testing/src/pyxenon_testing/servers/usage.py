"""How a server that is up is used: the lines to type, in Python and in a shell. None of them holds a secret."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["usage"]

# Adaptors that the server in this process does not have, and that the Java server cannot open on these servers.
_NOT_OPENED = {
    "torque": "asks qstat in a form that is not known here",
    "s3": "needs an older Java for it",
}
# What shows the system behind each adaptor at work.
_COMMANDS = {"ssh": "uname -a", "slurm": "sinfo", "torque": "qstat -Q", "gridengine": "qhost", "at": "atq"}


def usage(name: str, server: Server, ssh_config: Path) -> list[str]:
    """The lines for the server of the name *name*; comments begin with ``#``, as they do in Python and in a shell."""
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
