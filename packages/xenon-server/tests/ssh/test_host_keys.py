"""Known-hosts files: what they say of a host, with OpenSSH's own reader as the judge."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_server.ssh.host_keys import HostKeyCheck, KnownHostsFile, KnownKeys, look_up, read_known_hosts

# The same keys in every run: some are in the ids of tests.
ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUboN73Nuh/IpD5YqS1U1MNqQlUjPr/yzEIgAXx8np5"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILs5KMbO46bxTRVA+AD8uSpYyNJVlOMBxyXi5rDP4xYb"
THREE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFgOY/wBB/cs8c/xFoszLH3oWazVuKQ/PHneC6lzyWyw"


def known(text: str, host: str, port: int = 22) -> KnownKeys:
    return look_up([KnownHostsFile(Path("/known"), text)], host, port)


def texts(found: list) -> list[str]:
    return [item.key.export_public_key().decode().strip() for item in found]


@pytest.mark.parametrize(
    ("patterns", "host", "port"),
    [
        ("example.org", "example.org", 22),
        ("example.org", "EXAMPLE.org", 22),
        ("a,example.org,b", "example.org", 22),
        ("*.example.org", "login.example.org", 22),
        ("login?", "login1", 22),
        ("[example.org]:2222", "example.org", 2222),
        ("[*.example.org]:2222", "x.example.org", 2222),
        ("*", "anything", 22),
        ("*", "anything", 2222),
        ("2001:db8::1", "2001:db8::1", 22),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222),
    ],
)
def test_patterns_that_mean_the_host(patterns: str, host: str, port: int) -> None:
    found = known(f"{patterns} {ONE} a comment\n", host, port)
    assert texts(found.keys) == [ONE]
    assert found.exact


@pytest.mark.parametrize(
    ("patterns", "host", "port"),
    [
        ("example.org", "example.com", 22),
        ("example.org", "xexample.org", 22),
        ("example.org", "example.org.evil.com", 22),
        ("exampleXorg", "example.org", 22),
        ("*.example.org,!login.example.org", "login.example.org", 22),
        ("!login.example.org,*.example.org", "login.example.org", 22),
        ("[example.org]:2222", "example.org", 22),
        ("[example.org]:2222", "example.org", 2223),
        ("login?", "login", 22),
    ],
)
def test_patterns_that_do_not(patterns: str, host: str, port: int) -> None:
    assert known(f"{patterns} {ONE}\n", host, port).keys == []


def test_a_key_without_a_port_counts_where_the_port_has_none_and_is_no_proof_of_a_change() -> None:
    plain = known(f"example.org {ONE}\n", "example.org", 2222)
    assert (texts(plain.keys), plain.exact) == ([ONE], False)
    both = known(f"example.org {ONE}\n[example.org]:2222 {TWO}\n", "example.org", 2222)
    assert (texts(both.keys), both.exact) == ([TWO], True)


def test_markers_files_and_line_numbers() -> None:
    first = KnownHostsFile(Path("/one"), f"# comment\n\n@cert-authority *.org {ONE}\n@revoked * {TWO}\n")
    found = look_up([first, KnownHostsFile(Path("/two"), f"\texample.org   {THREE}\n")], "example.org", 22)
    assert texts(found.authorities) == [ONE]
    assert [(str(item.file), item.line) for item in found.authorities] == [("/one", 3)]
    assert texts(found.revoked) == [TWO]
    assert [(str(item.file), item.line) for item in found.keys] == [("/two", 1)]


def test_a_key_revoked_for_the_plain_host_is_revoked_on_every_port() -> None:
    assert texts(known(f"@revoked example.org {ONE}\n", "example.org", 2222).revoked) == [ONE]


@pytest.mark.parametrize("host", ["example.org", "[example.org]:2222"])
def test_hashed_entries_as_openssh_makes_them(tmp_path: Path, host: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"{host} {ONE}\nother.org {TWO}\n", encoding="ascii")
    subprocess.run(["ssh-keygen", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "example" not in file.read_text(encoding="ascii")
    found = look_up(read_known_hosts([file]), "example.org", 2222 if ":" in host else 22)
    assert texts(found.keys) == [ONE]


@pytest.mark.parametrize(
    "line",
    ["|1|not base64|x " + ONE, "|2|YQ==|YQ== " + ONE, "|1|only " + ONE, "example.org ssh-ed25519 AAAA", "example.org unknown-kind AAAA"],
    ids=["hash is not base64", "unknown kind of hash", "hash is missing", "key is too short", "unknown kind of key"],
)
def test_a_line_that_is_of_no_use_does_not_spoil_the_others(line: str) -> None:
    assert texts(known(f"{line}\nexample.org {ONE}\n", "example.org").keys) == [ONE]


@pytest.mark.parametrize(
    "line",
    ["example.org", "@strange example.org " + ONE, "example.org ssh-ed25519"],
    ids=["host alone", "unknown marker", "key is missing"],
)
def test_a_line_that_is_not_understood_is_told(line: str, caplog: pytest.LogCaptureFixture) -> None:
    assert texts(known(f"{line}\nexample.org {ONE}\n", "example.org").keys) == [ONE]
    assert "ignoring line 1 of /known" in caplog.text


def test_files_that_are_not_there_or_cannot_be_read_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "folder").mkdir()
    files = read_known_hosts([tmp_path / "none", tmp_path / "folder"])
    assert [file.text for file in files] == ["", ""]
    assert str(tmp_path / "folder") in caplog.text
    assert str(tmp_path / "none") not in caplog.text


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_no_file_is_too_strange(text: str) -> None:
    found = known(text + f"\nexample.org {ONE}\n", "example.org")
    assert texts(found.keys)[-1] == ONE


NAMES = st.sampled_from(["a.org", "b.a.org", "login1", "x"])
PATTERN = st.lists(st.sampled_from(["a.org", "*.org", "*", "login?", "!b.a.org", "!a.org", "?", "x", "[a.org]:23"]), min_size=1, max_size=4)


@given(PATTERN, NAMES)
def test_patterns_mean_what_they_mean_to_openssh(tmp_path_factory: pytest.TempPathFactory, patterns: list[str], host: str) -> None:
    file = tmp_path_factory.mktemp("known") / "known_hosts"
    file.write_text(f"{','.join(patterns)} {ONE}\n", encoding="ascii")
    openssh = subprocess.run(["ssh-keygen", "-F", host, "-f", str(file)], capture_output=True, check=False).returncode == 0
    assert bool(look_up(read_known_hosts([file]), host, 22).keys) == openssh


def test_without_strictness_a_changed_key_is_accepted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    check = HostKeyCheck(strict=False, files=[KnownHostsFile(Path("/known"), f"example.org {ONE}\n@revoked * {THREE}\n")])
    keys, authorities, revoked = check.trusted("example.org", "192.0.2.1", None)
    assert (keys, authorities, len(revoked)) == ([], [], 1)
    with caplog.at_level(logging.WARNING, "xenon.server.ssh"):
        assert check.accept("example.org", 22, asyncssh.import_public_key(ONE))
        assert caplog.text == ""
        assert check.accept("example.org", 22, asyncssh.import_public_key(TWO))
    assert "the host key of example.org port 22 has changed and was accepted unchecked: ssh-ed25519 SHA256:" in caplog.text


def test_the_address_of_a_host_does_not_stand_for_its_name() -> None:
    check = HostKeyCheck(strict=True, files=[KnownHostsFile(Path("/known"), f"192.0.2.1 {ONE}\n")])
    assert check.trusted("example.org", "192.0.2.1", None) == ([], [], [])
