"""Apache with mod_dav: files over WebDAV."""

from __future__ import annotations

import base64
import http.client

from xenon_testing.client import Client
from xenon_testing.engine.containers import Container
from xenon_testing.faults import Faults
from xenon_testing.servers.kind import Kind, recipe
from xenon_testing.servers.login import LOOPBACK, Login
from xenon_testing.servers.options import ServerOptions
from xenon_testing.servers.server import Access, Server

__all__ = ["Webdav"]

PORT = 80
SECONDS_FOR_AN_ANSWER = 10


class Webdav(Kind[Server]):
    """Apache with the account, which logs in with its password (HTTP basic authentication) and sees its home as ``/``."""

    name = "webdav"
    title = "Apache with mod_dav: WebDAV"
    image = recipe("webdav", recipe("common"))
    ports = (PORT,)

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> Server:
        """The server in *container*."""
        port = container.ports[PORT]
        return Server(
            kind=self.name,
            container=container,
            host=LOOPBACK,
            port=port,
            username=login.username,
            password=login.password,
            private_key=None,
            known_hosts="",
            files=Access("webdav", f"http://{LOOPBACK}:{port}", needs_key=False),
            jobs=(),
            client=client,
            faults=Faults(container, f"/home/{login.username}", "apache2"),
        )

    def probe(self, server: Server) -> str:
        """Log in and ask for what is in the root."""
        connection = http.client.HTTPConnection(server.host, server.port, timeout=SECONDS_FOR_AN_ANSWER)
        login = base64.b64encode(f"{server.username}:{server.password}".encode()).decode()
        try:
            connection.request("PROPFIND", "/", headers={"Depth": "1", "Authorization": f"Basic {login}"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"WebDAV on port {server.port} did not answer: {error!r}"
        finally:
            connection.close()
        return "" if status == http.client.MULTI_STATUS else f"PROPFIND / was answered {status}"
