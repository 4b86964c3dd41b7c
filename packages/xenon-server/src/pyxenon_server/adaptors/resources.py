"""Resources shared by the adaptors of one server: its home directory, its SSH connections, and the catalogue of file systems."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pyxenon_server.adaptors.base import FileSystem
from pyxenon_server.adaptors.catalogue import Catalogue

if TYPE_CHECKING:
    from pyxenon_server.ssh.connections import SshConnections

__all__ = ["Resources"]


class Resources:
    """The shared resources of one server, bound to the event loop on which it runs.

    Attributes:
        home: The directory that contains ``.ssh``: known hosts, the configuration and the user's own keys.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or Path.home()

    @cached_property
    def filesystems(self) -> Catalogue[FileSystem]:
        """The installed file system adaptors, for services, and for schedulers that open the file system of their machine."""
        return Catalogue("xenon.filesystems", FileSystem)  # type: ignore[type-abstract]  # never instantiated

    @cached_property
    def ssh(self) -> SshConnections:
        """The SSH connections, created on first use."""
        from pyxenon_server.ssh.connections import SshConnections

        return SshConnections(self.home)

    async def close(self) -> None:
        """Close all open resources. The adaptors that used them must be closed before."""
        if "ssh" in self.__dict__:
            await self.ssh.close()
