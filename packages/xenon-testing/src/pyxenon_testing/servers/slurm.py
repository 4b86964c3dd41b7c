"""Slurm with a controller and a node in one container, over ssh, with or without accounting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.faults import SlurmFaults
from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.ssh import PORT, SSH_IMAGE, SshKind, SshServer, job_access

__all__ = ["SLURM_IMAGE", "Slurm", "SlurmAccounting", "SlurmServer"]

SLURM_IMAGE = recipe("slurm", SSH_IMAGE)


@attrs.frozen
class SlurmServer(SshServer):
    """A Slurm cluster of one node, with the partitions ``main`` (the default) and ``short`` (ten minutes)."""

    faults: SlurmFaults


class Slurm(SshKind[SlurmServer]):
    """Slurm without accounting."""

    name = "slurm"
    takes_configuration = True
    title = "Slurm, controller and node, over ssh"
    image = SLURM_IMAGE
    hostname = "slurmhost"
    first_job = "srun --quiet --immediate=5 true"

    def files(self, options: ServerOptions, login: Login) -> Mapping[str, bytes]:
        """Return the files of all ssh kinds, and the lines to append to ``slurm.conf``."""
        return {**super().files(options, login), "slurm.conf": options.configuration.encode()}

    def facts(self, container: Container, options: ServerOptions, login: Login, client: Client) -> dict[str, Any]:
        """Return the fields of all ssh kinds, with the faults of a cluster."""
        faults = SlurmFaults(container, f"/home/{login.username}", self.daemon)
        return {**super().facts(container, options, login, client), "faults": faults}

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> SlurmServer:
        """Return the cluster in *container*; plain ssh jobs run in its login shell."""
        port = container.ports[PORT]
        return SlurmServer(jobs=(job_access("slurm", port), job_access("ssh", port)), **self.facts(container, options, login, client))


class SlurmAccounting(Slurm):
    """Slurm with slurmdbd and MariaDB."""

    name = "slurm-accounting"
    title = "Slurm with accounting (slurmdbd and MariaDB), over ssh"
    image = recipe("slurm-accounting", SLURM_IMAGE)
