"""The server's side of mutual TLS: three PEM files, checked before a port is opened, so that mistakes are reported before clients fail."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pyxenon_core.errors import ServerStartError

if TYPE_CHECKING:
    import grpc
    from cryptography.x509 import Certificate

__all__ = ["ServerKeys"]

# The curves that gRPC's TLS can sign with. gRPC accepts a certificate of another kind at the start, but then no client can connect.
_CURVES = ("secp256r1", "secp384r1")
_HINT = "See the README of pyxenon-server for how to make keys"

_log = logging.getLogger("xenon.server")


@dataclass(frozen=True)
class ServerKeys:
    """The files with the server's certificate and private key, and with the certificates that clients use or that sign theirs."""

    certificates: Path
    private_key: Path
    client_certificates: Path

    def credentials(self) -> grpc.ServerCredentials:
        """Return the credentials for grpcio; raises :class:`~pyxenon_core.errors.ServerStartError` that names the file that is wrong."""
        import grpc

        for path in (self.certificates, self.private_key, self.client_certificates):
            _require_readable(path)
        self._check_pair()
        self._check_own(_certificates_in(self.certificates)[0])
        self._check_clients()
        self._warn_of_readers()
        pair = (self.private_key.read_bytes(), self.certificates.read_bytes())
        return grpc.ssl_server_credentials([pair], self.client_certificates.read_bytes(), require_client_auth=True)

    def _check_pair(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # The password is requested only if the key has one. gRPC cannot take a password, and a prompt would block a daemon forever.
            context.load_cert_chain(self.certificates, self.private_key, password=self._refuse_encrypted)
        except (ssl.SSLError, ValueError) as error:
            _fail(f"{self.certificates} and {self.private_key} are not a matching certificate and private key in PEM format: {error}")

    def _refuse_encrypted(self) -> str:
        _fail(f"the private key {self.private_key} has a passphrase, which the server cannot ask for; save the key without one")

    def _check_own(self, certificate: Certificate) -> None:
        if not _is_usable(certificate):
            _fail(f"{self.certificates} has a kind of key that gRPC's TLS cannot use; use RSA, or ECDSA on P-256 or P-384")
        if _has_expired(certificate):
            _fail(f"{self.certificates} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: no client would connect")
        if (begin := certificate.not_valid_before_utc) > datetime.now(UTC):
            _log.warning("%s is not valid until %s UTC: no client can connect before then", self.certificates, f"{begin:%Y-%m-%d %H:%M}")

    def _check_clients(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_verify_locations(self.client_certificates)
        except ssl.SSLError as error:
            _fail(f"{self.client_certificates} contains no certificate in PEM format: {error}")
        for certificate in filter(_has_expired, _certificates_in(self.client_certificates)):
            name, end = certificate.subject.rfc4514_string(), f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
            words = "%s in %s expired on %s UTC: clients that use it, or one it has signed, are refused"
            _log.warning(words, name, self.client_certificates, end)

    def _warn_of_readers(self) -> None:
        if self.private_key.stat().st_mode & 0o077:
            _log.warning("other users can read the private key %s; run chmod 600 %s", self.private_key, self.private_key)


def _require_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        _fail(f"cannot read {path}: {error.strerror}")


def _certificates_in(path: Path) -> list[Certificate]:
    from cryptography import x509  # late, so that the command does not import it without keys

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        _fail(f"{path} contains an unreadable certificate: {error}")


def _is_usable(certificate: Certificate) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = certificate.public_key()
    return isinstance(key, rsa.RSAPublicKey) or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES)


def _has_expired(certificate: Certificate) -> bool:
    return certificate.not_valid_after_utc < datetime.now(UTC)


def _fail(reason: str) -> NoReturn:
    raise ServerStartError(f"the server cannot use its keys: {reason}", hint=_HINT)
