"""Who asks: the credential of a request, and which of several belongs to a host."""

from __future__ import annotations

import copy
import getpass
from typing import Any, TypeAlias

from pyxenon_core.errors import InvalidCredentialException
from pyxenon_core.messages import (
    CertificateCredential,
    CredentialMap,
    DefaultCredential,
    GetCredentialResponse,
    KeytabCredential,
    PasswordCredential,
    UserCredential,
)

__all__ = ["Credential", "SingleCredential", "credential_for", "credential_of", "credential_response", "require_supported", "user_name"]

SingleCredential: TypeAlias = "CertificateCredential | PasswordCredential | DefaultCredential | KeytabCredential"
Credential: TypeAlias = "SingleCredential | CredentialMap"

_SINGLE = ("certificate_credential", "password_credential", "default_credential", "keytab_credential")


def credential_of(request: Any) -> Credential:
    """The credential of a message that may hold one of each kind; the default credential when it holds none."""
    for name in (*_SINGLE, "credential_map"):
        credential: Credential | None = getattr(request, name, None)
        if credential is not None:
            return credential
    return DefaultCredential()


def credential_for(credential: Credential, host: str, port: int | None = None) -> SingleCredential:
    """The credential for *host*: a map's entry for ``host:port``, else for ``host``, else its fallback, else the default one."""
    if not isinstance(credential, CredentialMap):
        return credential
    entry = credential.entries.get(f"{host}:{port}") or credential.entries.get(host)
    chosen = credential_of(entry if entry is not None else credential)
    return DefaultCredential() if isinstance(chosen, CredentialMap) else chosen


def credential_response(credential: Credential) -> GetCredentialResponse:
    """The answer that tells which credential is used, without its secrets: those stay on the server."""
    shown: dict[str, Any] = {_field_of(credential): _without_secrets(credential)}
    return GetCredentialResponse(**shown)


def require_supported(adaptor: str, supported: tuple[str, ...], credential: Credential) -> None:
    """Raise InvalidCredentialException when *credential* is of a kind that *adaptor* does not take."""
    kind = type(credential).__name__
    if kind not in supported:
        reason = f"it takes no {kind}; it takes {', '.join(supported)}"
        raise InvalidCredentialException(reason, adaptor=adaptor)


def user_name(credential: SingleCredential) -> str:
    """The user that *credential* names; the user of this process where it names none."""
    return credential.username or getpass.getuser()


def _field_of(credential: Credential) -> str:
    names = {
        CertificateCredential: "certificate_credential",
        PasswordCredential: "password_credential",
        DefaultCredential: "default_credential",
        KeytabCredential: "keytab_credential",
        CredentialMap: "credential_map",
    }
    return names[type(credential)]


def _without_secrets(credential: Credential) -> Credential:
    if isinstance(credential, CertificateCredential):
        return CertificateCredential(certfile=credential.certfile, username=credential.username)
    if isinstance(credential, PasswordCredential):
        return PasswordCredential(username=credential.username)
    if isinstance(credential, CredentialMap):
        return _map_without_secrets(credential)
    return copy.copy(credential)  # what is told shall not be a way to change what is used


def _map_without_secrets(credential: CredentialMap) -> CredentialMap:
    entries = {host: _entry(credential_of(entry)) for host, entry in credential.entries.items()}
    fallback: dict[str, Any] = {name: _without_secrets(value) for name in _SINGLE if (value := getattr(credential, name)) is not None}
    return CredentialMap(entries=entries, **fallback)


def _entry(credential: Credential) -> UserCredential:
    shown: dict[str, Any] = {_field_of(credential): _without_secrets(credential)}
    return UserCredential(**shown)
