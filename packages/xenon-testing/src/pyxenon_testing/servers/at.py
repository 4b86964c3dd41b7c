"""The daemon of ``at``, over ssh."""

from __future__ import annotations

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.servers.first_job import submit_and_wait
from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.ssh import PORT, SSH_IMAGE, SshKind, SshServer, job_access

__all__ = ["At"]


class At(SshKind[SshServer]):
    """The commands ``at``, ``atq``, ``atrm`` and ``batch``, and their daemon ``atd``."""

    name = "at"
    title = "at and its daemon, over ssh"
    image = recipe("at", SSH_IMAGE)
    first_job = submit_and_wait("at now -f", "atq")

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> SshServer:
        """Return the host in *container*; plain ssh jobs run in its login shell."""
        port = container.ports[PORT]
        return SshServer(jobs=(job_access("at", port), job_access("ssh", port)), **self.facts(container, options, login, client))
