"""A server: its services and their shared resources."""

from __future__ import annotations

from pathlib import Path

from pyxenon_core.services import Servicers
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.services.filesystem import FileSystems
from pyxenon_server.services.scheduler import Schedulers

__all__ = ["Server"]


class Server:
    """Xenon's services, backed by the installed adaptors. A server belongs to the event loop on which it is first called.

    Args:
        home: The directory that contains ``.ssh``; by default the user's home directory.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.resources = Resources(home)
        self.filesystems = FileSystems(self.resources)
        self.schedulers = Schedulers(self.resources, self.filesystems)
        self.servicers = Servicers(self.filesystems, self.schedulers)

    async def close(self) -> None:
        """End the copies and jobs that run in this server, and close everything that clients left open. Closing twice is allowed."""
        try:
            await self.filesystems.close_all()
        finally:
            try:
                await self.schedulers.close_all()
            finally:
                await self.resources.close()
