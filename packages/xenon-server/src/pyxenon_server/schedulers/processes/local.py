"""The adaptor ``local``: jobs on this machine."""

from __future__ import annotations

import os
import sys

from typing_extensions import override

from pyxenon_server.adaptors.base import FileSystem, Opening
from pyxenon_server.adaptors.locations import parse_local
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.schedulers.processes.machine import MachineScheduler, polling_delay, slots
from pyxenon_server.shells.local import LocalShell

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

__all__ = ["LocalScheduler"]

_POLLING_DELAY = polling_delay("local")
_SLOTS = slots("local")


class LocalScheduler(MachineScheduler):
    """Jobs as processes of the machine that the server runs on, with the rights of its user. They end with the server."""

    name = "local"
    description = "Jobs as processes of the machine on which the server runs, in queues that the server keeps."
    locations = ("[/workdir]",)
    properties = (_POLLING_DELAY, _SLOTS)

    @classmethod
    @override
    async def open(cls, opening: Opening) -> Self:
        directory = parse_local(cls.name, opening.location) or os.getcwd()  # noqa: PTH109 - a text is wanted
        return cls(opening, LocalShell(), directory, opening.properties[_SLOTS])

    @override
    async def file_system(self) -> FileSystem:
        from pyxenon_server.filesystems.local.filesystem import LocalFileSystem

        properties = Properties.check(LocalFileSystem.name, LocalFileSystem.properties, {})
        opening = self.opening
        return await LocalFileSystem.open(Opening(opening.location, opening.credential, properties, opening.resources))
