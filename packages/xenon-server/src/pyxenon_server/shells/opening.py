"""Open the shell of a scheduler's location."""

from __future__ import annotations

from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.locations import SchedulerLocation
from pyxenon_server.shells.base import Shell
from pyxenon_server.ssh.settings import SshSettings

__all__ = ["open_shell"]


async def open_shell(adaptor: str, place: SchedulerLocation, request: OpenRequest, ssh: SshSettings) -> Shell:
    """Open a shell at *place*: on this machine, or on another one over SSH with the credential of *request* and the settings *ssh*.

    Raises the same errors as :meth:`pyxenon_server.ssh.connections.SshConnections.open`. Imports only the modules of the shell it opens.
    """
    if place.ssh is None:
        from pyxenon_server.shells.local import LocalShell

        return LocalShell()
    from pyxenon_server.shells.ssh import SshShell

    return SshShell(await request.resources.ssh.open(adaptor, place.ssh, request.credential, ssh), adaptor)
