"""SeaweedFS: objects over S3, in one bucket."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from pyxenon_testing.servers.kind import recipe
from pyxenon_testing.servers.login import LOOPBACK, Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.seaweedfs import fetch_weed
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.storage import StorageKind

__all__ = ["BUCKET", "S3", "sign"]

PORT = 8333
BUCKET = "xenon"
REGION = "us-east-1"
SECONDS_FOR_AN_ANSWER = 10
_FIRST_OBJECT = f"/{BUCKET}/.first-object"
# Requests that show that objects can be stored, with the expected answers: create the bucket if missing, then create and delete an object.
_FIRST_STEPS = (
    ("PUT", f"/{BUCKET}", (200, 409)),
    ("PUT", _FIRST_OBJECT, (200,)),
    ("DELETE", _FIRST_OBJECT, (204,)),
)


class S3(StorageKind):
    """SeaweedFS, with the account's name as the access key and its password as the secret key."""

    name = "s3"
    title = "SeaweedFS: S3, with a bucket"
    image = attrs.evolve(recipe("s3", recipe("common")), fetch=fetch_weed)
    ports = (PORT,)
    daemon = "s3"

    def files(self, options: ServerOptions, login: Login) -> Mapping[str, bytes]:
        """Return the password, and the keys in SeaweedFS's format."""
        keys = [{"accessKey": login.username, "secretKey": login.password}]
        may = ["Admin", "Read", "List", "Tagging", "Write"]
        identities = {"identities": [{"name": login.username, "credentials": keys, "actions": may}]}
        return {**super().files(options, login), "s3.json": json.dumps(identities).encode()}

    def location(self, port: int) -> str:
        """Return host, port and bucket."""
        return f"http://{LOOPBACK}:{port}/{BUCKET}"

    def probe(self, server: Server) -> str:
        """Check that a request without a key is rejected; then, with the key, create the bucket and an object, and delete the object."""
        try:
            if (status := _ask(server, "GET", f"/{BUCKET}", {})) != http.client.FORBIDDEN:
                return f"a request without a key was answered {status} instead of 403 on port {server.port}"
            for method, path, expected in _FIRST_STEPS:
                headers = sign(method, path, f"{server.host}:{server.port}", server.username, server.password)
                if (status := _ask(server, method, path, headers)) not in expected:
                    return f"{method} {path} was answered {status}"
        except (OSError, http.client.HTTPException) as error:
            return f"S3 on port {server.port} did not answer: {error!r}"
        return ""


def _ask(server: Server, method: str, path: str, headers: Mapping[str, str]) -> int:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=SECONDS_FOR_AN_ANSWER)
    try:
        connection.request(method, path, headers=dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


def sign(method: str, path: str, host: str, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the headers that sign a request without body and query (AWS Signature Version 4).

    *path* must not need quoting, and *host* is the value of the request's ``Host`` header, with the port.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    nothing = hashlib.sha256(b"").hexdigest()
    signed = {"host": host, "x-amz-content-sha256": nothing, "x-amz-date": now}
    names = ";".join(signed)
    request = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in signed.items()), "", names, nothing])
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {"x-amz-content-sha256": nothing, "x-amz-date": now, "Authorization": authorization}
