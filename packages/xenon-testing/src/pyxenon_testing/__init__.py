"""Servers to test against: pytest fixtures that start them, and the same servers for a program at a terminal.

Installed, the plugin is there: ask for ``xenon_slurm``, ``xenon_ssh``, ``xenon_s3``, ``xenon_filesystem`` and the like. The classes here
are what the fixtures give, for annotations::

    from pyxenon_testing import ScratchFileSystem, SlurmServer

    def test_the_cluster_answers(xenon_slurm: SlurmServer) -> None:
        assert xenon_slurm.run("srun hostname") == "slurmhost\n"

    def test_written_bytes_come_back(xenon_filesystem: ScratchFileSystem) -> None:
        path = xenon_filesystem.directory / "greeting"
        xenon_filesystem.filesystem.write_to_file(path, b"hello")
        assert b"".join(xenon_filesystem.filesystem.read_from_file(path)) == b"hello"

A server that ``xenon-testing up ssh`` has started is reached from any program::

    from pyxenon_testing import attach

    files = attach("ssh").filesystem()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, overload

from pyxenon_testing.scratch import ScratchFileSystem, ScratchScheduler

if TYPE_CHECKING:
    from pyxenon_testing.faults import Faults, SlurmFaults
    from pyxenon_testing.fixtures.containers import ServerFactory
    from pyxenon_testing.servers.server import Access, Server
    from pyxenon_testing.servers.slurm import SlurmServer
    from pyxenon_testing.servers.ssh import SshServer

__all__ = [
    "Access",
    "Faults",
    "ScratchFileSystem",
    "ScratchScheduler",
    "Server",
    "ServerFactory",
    "SlurmFaults",
    "SlurmServer",
    "SshServer",
    "attach",
]

# Loaded when first used: the plugin is part of every run of pytest in an environment that has it, and few runs need Docker.
_WHERE = {
    "Access": "servers.server",
    "Faults": "faults",
    "Server": "servers.server",
    "ServerFactory": "fixtures.containers",
    "SlurmFaults": "faults",
    "SlurmServer": "servers.slurm",
    "SshServer": "servers.ssh",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


@overload
def attach(name: Literal["slurm", "slurm-accounting"], target: str | None = None) -> SlurmServer: ...
@overload
def attach(name: Literal["ssh", "gridengine", "at", "torque"], target: str | None = None) -> SshServer: ...
@overload
def attach(name: str, target: str | None = None) -> Server: ...
def attach(name: str, target: str | None = None) -> Server:
    """The server that ``xenon-testing up`` has started under *name*, which is that of its kind unless another was chosen.

    The session that its helpers open when they need it is the program's own, and ends with it, or by :func:`xenon.init` and ``close()``.

    Args:
        name: The server's name.
        target: The Xenon server to connect through; left out, what the environment's ``XENON_TARGET`` says, and without that
            ``embedded:``, with ``java:`` for the adaptors that only the Java server has.

    Raises:
        NotRunningError: No server of that name is up; the text has the command that starts one.
        EngineUnavailableError: No Docker engine answers.
    """
    from pyxenon_testing.servers.attached import attach_server

    return attach_server(name, target)
