"""One server: its services, and what they share."""

from __future__ import annotations

from pathlib import Path

from pyxenon_core.services import Servicers
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.services.filesystem import FileSystems
from pyxenon_server.services.scheduler import Schedulers

__all__ = ["Server"]


class Server:
    """The services of Xenon over the adaptors that are installed. It belongs to the event loop on which it is first called.

    Args:
        home: The folder in which ``.ssh`` is looked for; the user's own when left out.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.resources = Resources(home)
        self.filesystems = FileSystems(self.resources)
        self.schedulers = Schedulers(self.resources, self.filesystems)
        self.servicers = Servicers(self.filesystems, self.schedulers)

    async def close(self) -> None:
        """End copies and jobs that run here, and close everything that clients have left open. Closing twice is no error."""
        try:
            await self.filesystems.close_all()
        finally:
            try:
                await self.schedulers.close_all()
            finally:
                await self.resources.close()
