"""The file system beside a scheduler: the files that its jobs find on the machine where they are submitted."""

from __future__ import annotations

from pyxenon_core.messages import DefaultCredential
from pyxenon_server.adaptors.base import FileSystem, Opening
from pyxenon_server.adaptors.locations import SchedulerLocation
from pyxenon_server.ssh.settings import SCHEDULER_SSH, SFTP

__all__ = ["open_filesystem"]


async def open_filesystem(place: SchedulerLocation, opening: Opening) -> FileSystem:
    """Open the files of *place* with the adaptor that is installed for them, for whoever opened the scheduler with *opening*.

    Over SSH it shares the scheduler's connection, since its credential and settings are the same. Raises what opening that adaptor raises.
    """
    catalogue = opening.resources.filesystems
    if place.ssh is None:
        return await catalogue.open_at("file", place.workdir, DefaultCredential(), {}, opening.resources)
    properties = SCHEDULER_SSH.given_as(SFTP, opening.properties)
    return await catalogue.open_at("sftp", str(place.ssh), opening.credential, properties, opening.resources)
