"""The scheduler adaptor ``ssh``: jobs on another machine, over SSH."""

from __future__ import annotations

from typing import Self

from typing_extensions import override

from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.locations import SchedulerLocation, parse_ssh
from pyxenon_server.schedulers.processes.machine import MachineScheduler, polling_delay, slots
from pyxenon_server.shells.opening import open_shell
from pyxenon_server.ssh.settings import SCHEDULER_SSH

__all__ = ["SshScheduler"]

_POLLING_DELAY = polling_delay("ssh")
_SLOTS = slots("ssh")


class SshScheduler(MachineScheduler):
    """Jobs as processes of another machine. If the connection breaks, they run on for a minute so that it can be restored."""

    name = "ssh"
    description = "Jobs as processes of another machine, over SSH, in queues that the server keeps."
    locations = ("host[:port][/workdir][ via:otherhost[:port]]*",)
    credentials = ("DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap")
    properties = (*SCHEDULER_SSH.declared, _POLLING_DELAY, _SLOTS)
    lease = 60

    @classmethod
    @override
    async def open(cls, request: OpenRequest) -> Self:
        host = parse_ssh(cls.name, request.location)
        place = SchedulerLocation(host.workdir, host)
        shell = await open_shell(cls.name, place, request, SCHEDULER_SSH.settings(request.properties))
        return cls(request, shell, place, place.workdir, request.properties[_SLOTS])
