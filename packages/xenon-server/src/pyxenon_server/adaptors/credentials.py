"""Credentials: extract them from a request, choose the one for a host, and describe them without secrets."""

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
    """Return the credential in a message that has a field for each kind; a DefaultCredential if none is set."""
    for name in (*_SINGLE, "credential_map"):
        credential: Credential | None = getattr(request, name, None)
        if credential is not None:
            return credential
    return DefaultCredential()


def credential_for(credential: Credential, host: str, port: int | None = None) -> SingleCredential:
    """Return the credential for *host*.

    From a map, that is the entry for ``host:port``, else for ``host``, else the map's fallback, else a DefaultCredential.
    """
    if not isinstance(credential, CredentialMap):
        return credential
    entry = credential.entries.get(f"{host}:{port}") or credential.entries.get(host)
    chosen = credential_of(entry if entry is not None else credential)
    return DefaultCredential() if isinstance(chosen, CredentialMap) else chosen


def credential_response(credential: Credential) -> GetCredentialResponse:
    """Return the response that says which credential is in use, without its secrets, which never leave the server."""
    shown: dict[str, Any] = {_field_of(credential): _without_secrets(credential)}
    return GetCredentialResponse(**shown)


def require_supported(adaptor: str, supported: tuple[str, ...], credential: Credential) -> None:
    """Raise InvalidCredentialException if *adaptor* does not accept this kind of credential."""
    kind = type(credential).__name__
    if kind not in supported:
        reason = f"a {kind} is not supported; use {' or '.join(supported)}"
        raise InvalidCredentialException(reason, adaptor=adaptor)


def user_name(credential: SingleCredential) -> str:
    """Return the user that *credential* names, else the user of this process."""
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
    return copy.copy(credential)  # changing the response must not change the credential in use


def _map_without_secrets(credential: CredentialMap) -> CredentialMap:
    entries = {host: _entry(credential_of(entry)) for host, entry in credential.entries.items()}
    fallback: dict[str, Any] = {name: _without_secrets(value) for name in _SINGLE if (value := getattr(credential, name)) is not None}
    return CredentialMap(entries=entries, **fallback)


def _entry(credential: Credential) -> UserCredential:
    shown: dict[str, Any] = {_field_of(credential): _without_secrets(credential)}
    return UserCredential(**shown)
