"""Grid Engine with a master and a node in one container, over ssh."""

from __future__ import annotations

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.servers.first_job import submit_and_wait
from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.ssh import PORT, SSH_IMAGE, SshKind, SshServer, job_access

__all__ = ["GridEngine"]

# Without it, Xenon rejects every release of Grid Engine except 6.2.
_ANY_RELEASE = {"xenon.adaptors.schedulers.gridengine.ignore.version": "true"}


class GridEngine(SshKind[SshServer]):
    """Grid Engine on one node, with the queues ``main`` and ``short`` (ten minutes) and the parallel environments ``smp`` and ``mpi``.

    Its daemons are ``sge_qmaster`` and ``sge_execd``. The master takes up to ten seconds to stop, and the node may need twenty to find it
    again. A short job submitted with ``qsub -sync y`` stays listed as running for minutes after its end; others do not. The Debian suite
    forky has no Grid Engine.
    """

    name = "gridengine"
    title = "Grid Engine, master and node, over ssh"
    image = recipe("gridengine", SSH_IMAGE)
    hostname = "gridenginehost"
    not_on = ("forky",)
    first_job = submit_and_wait("qsub -o /dev/null -j y", "qstat")

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> SshServer:
        """Return the cluster in *container*; plain ssh jobs run in its login shell."""
        port = container.ports[PORT]
        jobs = (job_access("gridengine", port, _ANY_RELEASE), job_access("ssh", port))
        return SshServer(jobs=jobs, **self.facts(container, options, login, client))
