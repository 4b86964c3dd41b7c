"""Locations: what is understood says the same again, and everything else is an InvalidLocationException."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidLocationException
from pyxenon_server.adaptors.locations import HostPort, SchedulerLocation, SshLocation, parse_local, parse_scheduler, parse_ssh

hosts = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True),
    st.ip_addresses().map(str),
    st.just("fe80::1%eth0"),
)
places = st.builds(HostPort, hosts, st.none() | st.integers(1, 65535))
workdirs = st.just("") | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])).filter(
    lambda text: " via:" not in f"/{text}"
).map(lambda text: f"/{text}")
PARSERS: list[Callable[[str, str], object]] = [parse_local, parse_ssh, parse_scheduler]


@given(st.builds(SshLocation, places, workdirs, st.lists(places, max_size=3).map(tuple)))
def test_a_location_over_ssh_says_the_same_when_written(place: SshLocation) -> None:
    assert parse_ssh("sftp", str(place)) == place
    assert parse_scheduler("slurm", f"ssh://{place}") == SchedulerLocation(place.workdir, place)


@given(st.text() | st.text(st.sampled_from("ab1:/[]@% .-\0\nvia:")))
@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
def test_anything_else_is_refused_as_a_location(parse: Callable[[str, str], object], text: str) -> None:
    try:
        found = parse("some", text)
    except InvalidLocationException as error:
        assert error.adaptor == "some"
        return
    if isinstance(found, SshLocation):
        assert parse_ssh("some", str(found)) == found
        assert found.target.host and not found.target.host.startswith("-")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("host", SshLocation(HostPort("host"))),
        ("host:22/", SshLocation(HostPort("host", 22), "/")),
        ("[::1]:2222/home/me", SshLocation(HostPort("::1", 2222), "/home/me")),
        ("inner:1/a b via:middle:2 via:outer", SshLocation(HostPort("inner", 1), "/a b", (HostPort("middle", 2), HostPort("outer")))),
        ("host/with:colon/and@sign", SshLocation(HostPort("host"), "/with:colon/and@sign")),
    ],
)
def test_what_a_location_says(text: str, place: SshLocation) -> None:
    assert parse_ssh("ssh", text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        "host:٢٢",
        "::1",
        "[::1",
        "-oProxyCommand=x",
        "host via:",
        "host via:-x",
        "ssh://host",
        "a b",
        "host\0",
        "$(id)",
        "`id`",
        "host;id",
        "host via:a|id",
        "host'",
        'host"',
        "host\\",
    ],
)
def test_what_no_location_over_ssh_is(text: str) -> None:
    with pytest.raises(InvalidLocationException, match="cannot be used"):
        parse_ssh("ssh", text)


@pytest.mark.parametrize("text", ["me@host", "me:secret@host/x", "ssh://me:sec/ret@host"])
def test_no_password_in_a_location_is_told(text: str) -> None:
    with pytest.raises(InvalidLocationException) as caught:
        parse_ssh("ssh", text)
    assert "sec" not in str(caught.value)
    assert "ret" not in caught.value.reason.replace("credential", "")


@pytest.mark.parametrize(("text", "workdir"), [("", ""), ("local:", ""), ("local://", ""), ("local:///scratch/me", "/scratch/me")])
def test_a_scheduler_of_this_machine(text: str, workdir: str) -> None:
    assert parse_scheduler("slurm", text) == SchedulerLocation(workdir)


@pytest.mark.parametrize("text", ["local", "local://relative", "localhost", "http://host", "ssh:host", "ssh://", "file:///x"])
def test_what_no_scheduler_is_at(text: str) -> None:
    with pytest.raises(InvalidLocationException, match="cannot be used"):
        parse_scheduler("slurm", text)
