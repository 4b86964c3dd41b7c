"""What the adaptors of one server share: its home, its SSH connections, and the catalogue of file systems."""

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
    """Belongs to one server, and to the event loop on which it runs.

    Attributes:
        home: The folder in which ``.ssh`` is looked for: known hosts, the configuration and the user's own keys.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or Path.home()

    @cached_property
    def filesystems(self) -> Catalogue[FileSystem]:
        """The adaptors of file systems that are installed, for services, and for schedulers to open the files beside their jobs."""
        return Catalogue("xenon.filesystems", FileSystem)  # type: ignore[type-abstract]  # it is never made an instance of

    @cached_property
    def ssh(self) -> SshConnections:
        """The SSH connections, made when the first is wanted."""
        from pyxenon_server.ssh.connections import SshConnections

        return SshConnections(self.home)

    async def close(self) -> None:
        """Close what is open. The adaptors that used it are closed already."""
        if "ssh" in self.__dict__:
            await self.ssh.close()
