"""TLS for connections that are not made by grpcio."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from pyxenon_core.targets import TlsKeys

__all__ = ["client_context"]


def client_context(keys: TlsKeys) -> ssl.SSLContext:
    """Return a context that trusts the root certificates of *keys*, or the system's, and presents the client certificate."""
    # Bundles may have comments between the certificates; Python's ssl accepts only ASCII.
    roots = keys.root_certificates.decode("ascii", "ignore") if keys.root_certificates else None
    context = ssl.create_default_context(cadata=roots)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if keys.certificate_chain and keys.private_key:
        _load_chain(context, keys.certificate_chain + b"\n" + keys.private_key)
    return context


def _load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """Load a chain and key. Python's ssl reads them only from a file, so they are in a private temporary file meanwhile."""
    descriptor, path = tempfile.mkstemp(prefix="xenon-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
