"""Apache with mod_dav: files over WebDAV."""

from __future__ import annotations

import base64
import http.client

from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import LOOPBACK
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.storage import StorageKind

__all__ = ["Webdav"]

PORT = 80
SECONDS_FOR_AN_ANSWER = 10


class Webdav(StorageKind):
    """Apache with one account, which logs in with its password (HTTP basic authentication) and sees its home as ``/``."""

    name = "webdav"
    title = "Apache with mod_dav: WebDAV"
    image = recipe("webdav", recipe("common"))
    ports = (PORT,)
    daemon = "apache2"

    def location(self, port: int) -> str:
        """Return host and port."""
        return f"http://{LOOPBACK}:{port}"

    def probe(self, server: Server) -> str:
        """Log in and list the root."""
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
