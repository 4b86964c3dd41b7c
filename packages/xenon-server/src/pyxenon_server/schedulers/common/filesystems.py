"""A scheduler's file system: the files on the machine where its jobs are submitted."""

from __future__ import annotations

from pyxenon_core.messages import DefaultCredential
from pyxenon_server.adaptors.base import FileSystem, OpenRequest
from pyxenon_server.adaptors.locations import SchedulerLocation
from pyxenon_server.ssh.settings import SCHEDULER_SSH, SFTP

__all__ = ["open_filesystem"]


async def open_filesystem(place: SchedulerLocation, request: OpenRequest) -> FileSystem:
    """Open the file system at *place*, the location of the scheduler that *request* opened, with the installed adaptor for it.

    Over SSH it shares the scheduler's connection, since its credential and settings are the same. Raises what opening that adaptor raises.
    """
    catalogue = request.resources.filesystems
    if place.ssh is None:
        return await catalogue.open_at("file", place.workdir, DefaultCredential(), {}, request.resources)
    properties = SCHEDULER_SSH.given_as(SFTP, request.properties)
    return await catalogue.open_at("sftp", str(place.ssh), request.credential, properties, request.resources)
