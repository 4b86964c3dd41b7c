"""The scheduler adaptor ``local``: jobs on this machine."""

from __future__ import annotations

import os
from typing import Self

from typing_extensions import override

from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.locations import SchedulerLocation, parse_local
from pyxenon_server.schedulers.processes.machine import MachineScheduler, polling_delay, slots
from pyxenon_server.shells.local import LocalShell

__all__ = ["LocalScheduler"]

_POLLING_DELAY = polling_delay("local")
_SLOTS = slots("local")


class LocalScheduler(MachineScheduler):
    """Jobs as processes on the server's machine, with the rights of its user. They end when the server ends."""

    name = "local"
    description = "Jobs as processes of the machine on which the server runs, in queues that the server keeps."
    locations = ("[/workdir]",)
    properties = (_POLLING_DELAY, _SLOTS)

    @classmethod
    @override
    async def open(cls, request: OpenRequest) -> Self:
        place = SchedulerLocation(parse_local(cls.name, request.location))
        directory = place.workdir or os.getcwd()  # noqa: PTH109 - a str is needed
        return cls(request, LocalShell(), place, directory, request.properties[_SLOTS])
