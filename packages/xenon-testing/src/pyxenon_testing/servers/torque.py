"""Torque's commands on Slurm: Debian has no Torque, but Slurm's wrappers of its commands, which this kind uses."""

from __future__ import annotations

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.servers.first_job import submit_and_wait
from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.slurm import SLURM_IMAGE, Slurm, SlurmServer
from pyxenon_testing.servers.ssh import PORT, job_access

__all__ = ["Torque"]


class Torque(Slurm):
    """Slurm with ``qsub FILE``, ``qstat``, ``qdel`` and ``pbsnodes``; its partitions ``main`` and ``short`` are the queues."""

    name = "torque"
    title = "Torque's commands on Slurm, over ssh"
    image = recipe("torque", SLURM_IMAGE)
    first_job = submit_and_wait("qsub -o /dev/null -e /dev/null", "squeue -h")

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> SlurmServer:
        """Return the cluster in *container*; Slurm's own commands work too, and plain ssh jobs run in its login shell."""
        port = container.ports[PORT]
        jobs = tuple(job_access(adaptor, port) for adaptor in ("torque", "slurm", "ssh"))
        return SlurmServer(jobs=jobs, **self.facts(container, options, login, client))
