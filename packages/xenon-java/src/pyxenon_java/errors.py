"""The errors raised when a xenon-grpc server cannot be started.

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
    """No Java runtime can run the server; the message lists each one that was tried and why it was rejected."""


class JarFetchError(ServerStartError):
    """The server's jar is not on this machine and could not be downloaded."""


class JarChecksumError(ServerStartError):
    """A jar is not the pinned release: it is damaged, or another file."""


class PortTakenError(ServerStartError):
    """The server's port is in use by another program."""
