"""The TLS of connections that are not grpcio's."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from pyxenon_core.targets import TlsKeys

__all__ = ["client_context"]


def client_context(keys: TlsKeys) -> ssl.SSLContext:
    """A context that trusts *keys*' root certificates (the system's where there are none) and shows the client's certificate."""
    # Bundles have names in comments between the certificates, which Python's ssl takes in ASCII only.
    roots = keys.root_certificates.decode("ascii", "ignore") if keys.root_certificates else None
    context = ssl.create_default_context(cadata=roots)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if keys.certificate_chain and keys.private_key:
        _load_chain(context, keys.certificate_chain + b"\n" + keys.private_key)
    return context


def _load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """Python's ssl reads a key from a file only: give it one that nobody else can open, for as long as that takes."""
    descriptor, path = tempfile.mkstemp(prefix="xenon-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
