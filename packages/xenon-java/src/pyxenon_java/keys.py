"""Keys for mutual TLS, new for every server: only those who can read the server's private folder can connect to the server.

The server and its client each get a P-256 key with a self-signed certificate, and each trusts only the other's certificate. No
certificate authority could sign another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyxenon_core.targets import TlsKeys

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["KeyFiles", "read_client_keys", "write_keys"]

# A key is deleted with its server, so its expiry protects nobody; it must only not stop a long-running server. Three years are longer than
# a machine runs without a restart.
_DAYS_VALID = 3 * 365
_DAYS_OF_CLOCK_SKEW = 1


@dataclass(frozen=True)
class KeyFiles:
    """The paths of a server's four PEM files: two certificates, and two PKCS#8 private keys that only their owner can read."""

    folder: Path

    @property
    def server_certificate(self) -> Path:
        """The server's certificate."""
        return self.folder / "server.pem"

    @property
    def server_key(self) -> Path:
        """The server's private key."""
        return self.folder / "server.key"

    @property
    def client_certificate(self) -> Path:
        """The only client certificate that the server accepts."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """The client's private key."""
        return self.folder / "client.key"


def write_keys(folder: Path) -> KeyFiles:
    """Create the keys and certificates of a server and a client in *folder*, which only its owner should be able to enter.

    Raises FileExistsError if the folder already has keys.
    """
    files = KeyFiles(folder)
    _write_pair("server", files.server_key, files.server_certificate)
    _write_pair("client", files.client_key, files.client_certificate)
    return files


def read_client_keys(folder: Path) -> TlsKeys:
    """Read the keys that a client needs to connect to the server of *folder*; raises OSError if they cannot be read."""
    files = KeyFiles(folder)
    return TlsKeys(
        root_certificates=files.server_certificate.read_bytes(),
        certificate_chain=files.client_certificate.read_bytes(),
        private_key=files.client_key.read_bytes(),
    )


def _write_pair(role: str, key_path: Path, certificate_path: Path) -> None:
    # Imported here because importing cryptography takes longer than parsing a command line.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    # xenon-grpc reads only PKCS#8 without a password.
    _write_private(key_path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    _write_private(certificate_path, _self_signed(role, key).public_bytes(pem))


def _self_signed(role: str, key: EllipticCurvePrivateKey) -> x509.Certificate:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pyxenon {role}")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=_DAYS_OF_CLOCK_SKEW))
        .not_valid_after(now + dt.timedelta(days=_DAYS_VALID))
    )
    for extension, critical in _extensions(role, key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _extensions(role: str, key: EllipticCurvePrivateKey) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the extensions that say what the certificate is for: strict verifiers, such as Python's since 3.13, require them."""
    import ipaddress

    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    purpose = ExtendedKeyUsageOID.SERVER_AUTH if role == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([purpose]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
    ]
    if role == "server":
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        extensions.append((x509.SubjectAlternativeName(names), False))
    return extensions


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read from the moment it exists; do not follow a link in its place."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o600)  # the umask may have removed the owner's rights
        stream.write(content)
