"""Why a xenon-grpc server could not be started.

ServerStartError (in pyxenon_core.errors)
├── JavaNotFoundError
├── JarFetchError
├── JarChecksumError
└── PortTakenError
"""

from __future__ import annotations

from pyxenon_core.errors import ServerStartError

__all__ = ["JarChecksumError", "JarFetchError", "JavaNotFoundError", "PortTakenError"]


class JavaNotFoundError(ServerStartError):
    """No Java runtime that can run the server; the message lists every one that was looked at and why it was refused."""


class JarFetchError(ServerStartError):
    """The server's jar is not on this machine and could not be fetched."""


class JarChecksumError(ServerStartError):
    """A jar is not the pinned release: it was damaged, or it is something else."""


class PortTakenError(ServerStartError):
    """The port that the server was to listen on belongs to another program."""
