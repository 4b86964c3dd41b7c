"""Real servers to test against: pytest fixtures that start them, and a command that starts the same servers from a terminal.

Installing the package enables the pytest plugin: request ``xenon_slurm``, ``xenon_ssh``, ``xenon_s3``, ``xenon_filesystem`` or another
fixture. The classes here are the types of the fixtures, for annotations::

    from pyxenon_testing import ScratchFileSystem, SlurmServer

    def test_the_cluster_answers(xenon_slurm: SlurmServer) -> None:
        assert xenon_slurm.run("srun hostname") == "slurmhost\n"

    def test_written_bytes_come_back(xenon_filesystem: ScratchFileSystem) -> None:
        path = xenon_filesystem.directory / "greeting"
        xenon_filesystem.filesystem.write_to_file(path, b"hello")
        assert b"".join(xenon_filesystem.filesystem.read_from_file(path)) == b"hello"

Any program can use a server that ``xenon-testing up ssh`` has started::

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

# Imported at first use: pytest loads the plugin in every run, and few runs need Docker.
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
    """Return the server that ``xenon-testing up`` has started under *name*.

    Its methods use the program's own session, and open it when needed. The session ends with the program, or with its ``close()``.

    Args:
        name: The server's name, which is its kind unless ``--name`` was given.
        target: The target to connect through. Default: the environment variable ``XENON_TARGET``, or else ``embedded:``, with ``java:``
            for the adaptors that ``embedded:`` does not have.

    Raises:
        NotRunningError: No server of that name is running; the message has the command that starts one.
        EngineUnavailableError: No Docker engine answers.
    """
    from pyxenon_testing.servers.attached import attach_server

    return attach_server(name, target)
