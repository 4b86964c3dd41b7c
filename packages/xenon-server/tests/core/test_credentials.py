"""Credentials: which one belongs to a host, and that a secret goes nowhere."""

from __future__ import annotations

import pytest

from pyxenon_core.errors import InvalidCredentialException
from pyxenon_core.messages import (
    CertificateCredential,
    CreateFileSystemRequest,
    CredentialMap,
    DefaultCredential,
    KeytabCredential,
    PasswordCredential,
    UserCredential,
)
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.credentials import Credential, credential_for, credential_of, credential_response, require_supported, user_name
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources

SECRET = "do not tell"  # which is no word of any message
PASSWORD = PasswordCredential("me", SECRET)
KEY = CertificateCredential(certfile="/key", username="you", passphrase=SECRET)
EVERY: list[Credential] = [
    PASSWORD,
    KEY,
    DefaultCredential("me"),
    KeytabCredential("me", "/keytab"),
    CredentialMap(
        entries={"a": UserCredential(password_credential=PASSWORD), "b:22": UserCredential(certificate_credential=KEY)},
        password_credential=PASSWORD,
    ),
]
every = pytest.mark.parametrize("credential", EVERY, ids=lambda credential: type(credential).__name__)


@every
def test_no_secret_is_told(credential: Credential) -> None:
    before = bytes(credential)
    response = credential_response(credential)
    assert SECRET.encode() not in bytes(response)
    assert bytes(credential) == before, "the secret was taken from the credential itself"
    request = OpenRequest("host", credential, Properties.check("x", [], {}), Resources())
    assert SECRET not in f"{request!r}{credential!r}"


@every
def test_who_it_is_is_told(credential: Credential) -> None:
    told = credential_of(credential_response(credential))
    assert type(told) is type(credential) and told is not credential
    assert getattr(told, "username", None) == getattr(credential, "username", None)
    if isinstance(told, CredentialMap):
        assert {host: credential_of(entry) for host, entry in told.entries.items()} == {
            "a": PasswordCredential("me"),
            "b:22": CertificateCredential(certfile="/key", username="you"),
        }
        assert told.password_credential == PasswordCredential("me")


@every
def test_a_kind_that_is_not_taken(credential: Credential) -> None:
    kind = type(credential).__name__
    require_supported("some", (kind,), credential)
    with pytest.raises(InvalidCredentialException, match=f"a {kind} is not supported; use Something") as caught:
        require_supported("some", ("Something",), credential)
    assert SECRET not in f"{caught.value}{caught.value.__dict__}"


def test_the_default_is_for_who_gives_none() -> None:
    assert credential_of(CreateFileSystemRequest("file")) == DefaultCredential()
    assert credential_of(CreateFileSystemRequest("file", password_credential=PASSWORD)) is PASSWORD


def test_which_entry_of_a_map_belongs_to_a_host() -> None:
    several = CredentialMap(
        entries={
            "host": UserCredential(password_credential=PASSWORD),
            "host:22": UserCredential(certificate_credential=KEY),
            "::1": UserCredential(default_credential=DefaultCredential("six")),
        }
    )
    assert credential_for(several, "host", 22) == KEY
    assert credential_for(several, "host", 23) == PASSWORD
    assert credential_for(several, "host") == PASSWORD
    assert credential_for(several, "::1", 22) == DefaultCredential("six")
    assert credential_for(several, "elsewhere") == DefaultCredential()
    several.default_credential = DefaultCredential("fallback")
    assert credential_for(several, "elsewhere") == DefaultCredential("fallback")
    assert credential_for(PASSWORD, "elsewhere") is PASSWORD


def test_who_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    assert user_name(DefaultCredential()) == "somebody"
    assert user_name(PASSWORD) == "me"
