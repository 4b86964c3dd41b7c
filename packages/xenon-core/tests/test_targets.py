"""Targets: what is understood, and what is refused in words that help."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.errors import TargetError
from pyxenon_core.targets import GrpcEndpoint, Target, TlsKeys, open_target


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        target = Target.parse(text)
    except TargetError as error:
        assert repr(text) in str(error)
    else:
        assert target.scheme
        assert target.text == text


def test_a_target_has_a_scheme_an_address_and_options() -> None:
    target = Target.parse("grpcs://host:1?ca=/a&key=/b")
    assert (target.scheme, target.address, dict(target.options)) == ("grpcs", "host:1", {"ca": "/a", "key": "/b"})


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("grpc://localhost:50051", GrpcEndpoint("localhost:50051")),
        ("grpc://127.0.0.1:1", GrpcEndpoint("127.0.0.1:1")),
        ("grpc://[::1]:65535", GrpcEndpoint("[::1]:65535")),
        ("grpc://far.example.org:9?insecure=yes", GrpcEndpoint("far.example.org:9")),
        ("grpcs://far.example.org:9", GrpcEndpoint("far.example.org:9", TlsKeys())),
        ("unix:///run/xenon.sock", GrpcEndpoint("unix:///run/xenon.sock")),
    ],
)
def test_servers_that_are_already_running(text: str, endpoint: GrpcEndpoint) -> None:
    opened = open_target(text)
    assert isinstance(opened, GrpcEndpoint)
    assert (opened.address, opened.tls) == (endpoint.address, endpoint.tls)


def test_keys_are_read_from_the_files_that_are_named(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_bytes(name.encode())
    opened = open_target(f"grpcs://h:1?ca={tmp_path}/ca&cert={tmp_path}/cert&key={tmp_path}/key&server_name=s")
    assert isinstance(opened, GrpcEndpoint)
    assert opened.tls == TlsKeys(b"ca", b"cert", b"key", "s")
    assert "b'key'" not in repr(opened)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no scheme"),
        ("localhost", "no scheme"),
        ("localhost:50051", "write grpc://localhost:50051"),
        ("grpc://[::1:5", "Invalid IPv6"),
        ("grpcs://h:5?ca=%00", "its option ca cannot be read"),
        ("nonsense://x", "nothing installed provides the scheme 'nonsense'"),
        ("grpc://far.example.org:9", "use grpcs://"),
        ("grpc://localhost", "expected grpc://host:port"),
        ("grpc://localhost:0", "expected grpc://host:port"),
        ("grpc://localhost:65536", "expected grpc://host:port"),
        ("grpc://localhost:x", "expected grpc://host:port"),
        ("grpc://localhost:1/path", "expected grpc://host:port"),
        ("grpc://localhost:1?inscure=yes", "unknown option inscure"),
        ("grpcs://host:1?cert=/a", "cert and key go together"),
        ("grpcs://host:1?ca=/does/not/exist", "its option ca cannot be read"),
        ("unix://relative/path", "absolute path"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(TargetError) as caught:
        open_target(text)
    assert reason in str(caught.value)
    assert repr(text) in str(caught.value)
