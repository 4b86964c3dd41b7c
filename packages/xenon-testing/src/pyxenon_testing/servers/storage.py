"""The base class of file servers that use a password instead of ssh."""

from __future__ import annotations

import abc
from typing import ClassVar

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.faults import Faults
from pyxenon_testing.servers.kind import Kind
from pyxenon_testing.servers.login import LOOPBACK, Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.server import Access, Server

__all__ = ["StorageKind"]


class StorageKind(Kind[Server]):
    """A kind of server for a file system, with the adaptor of the same name, on the first of its ports.

    Attributes:
        daemon: The name of its daemon in the container.
    """

    daemon: ClassVar[str]

    @abc.abstractmethod
    def location(self, port: int) -> str:
        """Return the adaptor's location of the server on *port* of this machine."""

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> Server:
        """Return the server in *container*."""
        port = container.ports[self.ports[0]]
        return Server(
            kind=self.name,
            container=container,
            host=LOOPBACK,
            port=port,
            username=login.username,
            password=login.password,
            private_key=None,
            known_hosts="",
            files=Access(self.name, self.location(port), needs_key=False),
            jobs=(),
            client=client,
            faults=Faults(container, f"/home/{login.username}", self.daemon),
        )
