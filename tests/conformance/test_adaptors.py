"""What the adaptors say of themselves, and what they take when they are opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path as LocalPath
from typing import Any

import pytest

import xenon
from conformance.expectations import refused
from conformance.places import ALL, FILE_ADAPTORS, JOB_ADAPTORS, Place, needs, on
from conformance.servers import SERVERS
from pyxenon_core.messages import FileSystemAdaptorDescription, SchedulerAdaptorDescription
from xenon import CertificateCredential, CredentialMap, DefaultCredential, KeytabCredential, PasswordCredential, UserCredential
from xenon.exceptions import (
    InvalidCredentialException,
    InvalidLocationException,
    InvalidPropertyException,
    UnknownAdaptorException,
    UnknownPropertyException,
    XenonException,
)

ROOT = LocalPath(__file__).parent.parent.parent
FACTS: dict[str, Any] = {row["name"]: row for rows in json.loads((ROOT / "protos" / "adaptors.json").read_text()).values() for row in rows}
KINDS = pytest.mark.parametrize(
    ("kind", "adaptors"), [(xenon.FileSystem, FILE_ADAPTORS), (xenon.Scheduler, JOB_ADAPTORS)], ids=["files", "jobs"]
)
EACH_SERVER = pytest.mark.parametrize("server", [pytest.param(server, marks=needs(server)) for server in SERVERS])
EVERYWHERE = on(*FILE_ADAPTORS, *JOB_ADAPTORS)
OVER_SSH = on("sftp", "ssh")
OF_THIS_MACHINE = on("file", "local")
CREDENTIALS: Mapping[str, Mapping[str, Any]] = {
    "certificate": {"certificate_credential": CertificateCredential(username="somebody", certfile="/nowhere")},
    "password": {"password_credential": PasswordCredential(username="somebody", password="secret-word")},
    "keytab": {"keytab_credential": KeytabCredential(username="somebody", keytabfile="/nowhere")},
    "map": {"credential_map": CredentialMap(default_credential=DefaultCredential(username="somebody"))},
}
BAD_VALUES = {
    "BOOLEAN": ("yes", "1", ""),
    "NATURAL": ("-1", "many"),
    "LONG": ("1.5", "many"),
    "INTEGER": ("many",),
    "SIZE": ("64T", "-1", "big"),
}
BAD_LOCATIONS = {
    "file": ("relative/path", "file:///tmp"),
    "local": ("relative/path", "local:///tmp"),
    "sftp": ("", "sftp://host", "host:port", "host:99999"),
    "ssh": ("", "ssh://host", "host:port", "host:99999"),
    "slurm": ("host", "http://host", "ssh://", "ssh://host:port"),
}


# --- descriptions ---


@KINDS
@EACH_SERVER
def test_adaptor_names(session: xenon.Session, kind: Any, adaptors: tuple[str, ...]) -> None:
    """Name the adaptors"""
    names = kind.get_adaptor_names()
    assert set(adaptors) <= set(names)
    assert len(set(names)) == len(names)


@KINDS
@EACH_SERVER
def test_descriptions(session: xenon.Session, kind: Any, adaptors: tuple[str, ...]) -> None:
    """Describe all adaptors as each of them"""
    described = {description.name: description for description in kind.get_adaptor_descriptions()}
    assert described == {name: kind.get_adaptor_description(name) for name in kind.get_adaptor_names()}


@EVERYWHERE
def test_description(session: xenon.Session, server: str, adaptor: str) -> None:
    """Describe an adaptor by the facts about it"""
    kind = xenon.FileSystem if adaptor in FILE_ADAPTORS else xenon.Scheduler
    description: FileSystemAdaptorDescription | SchedulerAdaptorDescription = kind.get_adaptor_description(adaptor)
    row = FACTS[adaptor]
    for name in row.keys() - {"supported_properties", "supported_locations", "supported_credentials"}:
        assert getattr(description, name) == row[name], f"{name} is told as {getattr(description, name)}"
    assert sorted(description.supported_credentials) == sorted(row["supported_credentials"])
    for form in row["supported_locations"]:  # perhaps with more at its end, as for a host to hop over
        assert any(one.startswith(form) for one in description.supported_locations), f"{form} is missing"
    told = {one.name: (one.type.name, one.default_value) for one in description.supported_properties}
    assert {one["name"]: (one["type"], one["default_value"]) for one in row["supported_properties"]}.items() <= told.items()
    assert description.description.strip()
    assert all(one.description.strip() for one in description.supported_properties)


@KINDS
@EACH_SERVER
def test_unknown_adaptor(session: xenon.Session, kind: Any, adaptors: tuple[str, ...]) -> None:
    """Refuse an adaptor that is unknown"""
    with refused(UnknownAdaptorException, subject="nonsense"):
        kind.get_adaptor_description("nonsense")
    with refused(UnknownAdaptorException):
        kind.create("nonsense")


# --- properties ---


@EVERYWHERE
def test_unknown_property(place: Place, adaptor: str) -> None:
    """Refuse a property that is unknown"""
    kind = "filesystems" if place.is_for_files else "schedulers"
    for name in ("nonsense", f"xenon.adaptors.{kind}.{adaptor}.nonsense", f"xenon.adaptors.{kind}.webdav.bufferSize"):
        with refused(UnknownPropertyException) as refusal:
            place.create(properties={name: "1"})
        assert name in refusal.error.reason


@EVERYWHERE
def test_adaptor_of_a_property(place: Place, adaptor: str) -> None:
    """Say which adaptor does not know a property"""
    with refused(UnknownPropertyException, adaptor=adaptor):
        place.create(properties={"nonsense": "1"})


@ALL
def test_property_values(place: Place, adaptor: str) -> None:
    """Take every property with the value that it has anyway"""
    defaults = {one["name"]: one["default_value"] for one in FACTS[adaptor]["supported_properties"]}
    with place.create(properties=defaults) as handle:
        assert handle.get_properties() == defaults
        assert handle.is_open()


@ALL
def test_bad_property_value(place: Place, adaptor: str) -> None:
    """Refuse a property's value that does not fit its type"""
    for one in FACTS[adaptor]["supported_properties"]:
        for value in BAD_VALUES[one["type"]]:
            with refused(InvalidPropertyException) as refusal:
                place.create(properties={**place.properties, one["name"]: value})
            assert one["name"] in refusal.error.reason


# --- locations ---


@ALL
def test_bad_location(place: Place, adaptor: str) -> None:
    """Refuse a location that the adaptor does not understand"""
    for location in BAD_LOCATIONS[adaptor]:
        with refused(InvalidLocationException, adaptor=adaptor) as refusal:
            place.create(location=location)
        assert location in refusal.error.reason


@OVER_SSH
def test_unreachable_location(place: Place, adaptor: str) -> None:
    """Say so when nobody answers at a location"""
    try:
        place.create(location="127.0.0.1:1").close()
    except XenonException as error:
        assert error.adaptor == adaptor
        assert "127.0.0.1:1" in error.reason, f"it does not say where: {error.reason}"
    else:
        raise AssertionError("nobody was there, and it was opened")


# --- credentials ---


@OF_THIS_MACHINE
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_credential_of_a_wrong_kind(place: Place, adaptor: str, kind: str) -> None:
    """Refuse a kind of credential that the adaptor does not take"""
    with refused(InvalidCredentialException, adaptor=adaptor) as refusal:
        place.create(credential=CREDENTIALS[kind]).close()
    assert "secret-word" not in str(refusal.error)


@OVER_SSH
def test_keytab_over_ssh(place: Place, adaptor: str) -> None:
    """Refuse a Kerberos keytab over ssh"""
    with refused(InvalidCredentialException, adaptor=adaptor):
        place.create(credential=CREDENTIALS["keytab"]).close()


def accepted(place: Place) -> Mapping[str, Mapping[str, Any]]:
    """The credentials with which one may log in, by the kind that is to be told of them."""
    host = place.host
    assert host is not None
    password = PasswordCredential(username=host.username, password=host.password)
    wrong = UserCredential(password_credential=PasswordCredential(username="nobody", password="wrong"))
    name = f"{host.host}:{host.port}"
    return {
        "certificate": place.credential,
        "password": {"password_credential": password},
        "entry": {"credential_map": CredentialMap(entries={name: UserCredential(password_credential=password), "other": wrong})},
        "host": {"credential_map": CredentialMap(entries={host.host: UserCredential(password_credential=password)})},
        "fallback": {"credential_map": CredentialMap(entries={"other": wrong}, password_credential=password)},
    }


@OVER_SSH
@pytest.mark.parametrize("which", ["certificate", "password", "entry", "host", "fallback"])
def test_accepted_credential(place: Place, which: str) -> None:
    """Log in with a key, with a password, and by a map of credentials"""
    with place.create(credential=accepted(place)[which]) as handle:
        assert handle.is_open()


@OVER_SSH
@pytest.mark.parametrize("which", ["certificate", "password", "entry", "fallback"])
def test_told_credential(place: Place, which: str) -> None:
    """Tell the credential, by its kind and user"""
    given = next(iter(accepted(place)[which].values()))
    with place.create(credential=accepted(place)[which]) as handle:
        told = handle.get_credential()
    assert type(told) is type(given), f"it is told as a {type(told).__name__}"
    if isinstance(told, CredentialMap):
        assert set(told.entries) == set(given.entries), f"entries are told for {sorted(told.entries)}"
    else:
        assert told.username == given.username


@OVER_SSH
@pytest.mark.parametrize("which", ["password", "entry", "fallback"])
def test_secrets_stay(place: Place, which: str) -> None:
    """Keep passwords on the server when the credential is asked for"""
    assert place.host is not None
    with place.create(credential=accepted(place)[which]) as handle:
        told = bytes(handle.get_credential())
    assert place.host.password.encode() not in told, "the password is told"


@OF_THIS_MACHINE
@pytest.mark.parametrize("given", [{}, {"default_credential": DefaultCredential()}], ids=["none", "default"])
def test_default_credential(place: Place, given: Mapping[str, Any]) -> None:
    """Tell the default credential where none or just that was given"""
    with place.create(credential=given) as handle:
        assert isinstance(handle.get_credential(), DefaultCredential)


@on("sftp")  # sshd takes seconds to refuse
def test_wrong_password(place: Place, adaptor: str) -> None:
    """Refuse a wrong password, and do not repeat it"""
    assert place.host is not None
    wrong = PasswordCredential(username=place.host.username, password="secret-word")
    try:
        place.create(credential={"password_credential": wrong}).close()
    except XenonException as error:
        assert error.adaptor == adaptor
        assert "secret-word" not in str(error)
    else:
        raise AssertionError("it was accepted")


@OVER_SSH
def test_missing_key(place: Place, adaptor: str) -> None:
    """Say that a key's file is missing"""
    try:
        place.create(credential=CREDENTIALS["certificate"]).close()
    except XenonException as error:
        assert error.adaptor == adaptor
        assert "/nowhere" in error.reason, f"it does not say which: {error.reason}"
    else:
        raise AssertionError("it was accepted")


@OVER_SSH
def test_map_without_the_host(place: Place, adaptor: str) -> None:
    """Refuse a map of credentials that has none for the host"""
    other = UserCredential(password_credential=PasswordCredential(username="nobody", password="wrong"))
    try:
        place.create(credential={"credential_map": CredentialMap(entries={"other": other})}).close()
    except XenonException as error:
        assert error.adaptor == adaptor
    else:
        raise AssertionError("it was accepted")


@EVERYWHERE
def test_create(place: Place, adaptor: str) -> None:
    """Open a file system or scheduler, and close it"""
    with place.create() as handle:
        assert handle.get_adaptor_name() == adaptor
        assert handle.is_open()
    assert not handle.is_open()
