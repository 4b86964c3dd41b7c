"""Keys: who may read them, and what they are good for."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pyxenon_java.keys import KeyFiles, read_client_keys, write_keys


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_only_the_owner_may_read_them(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_keys(tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("server.key", "server.pem", "client.key", "client.pem"), 0o600)


def test_curve_and_form(tmp_path: Path) -> None:
    files = write_keys(tmp_path)
    for path in (files.server_key, files.client_key):
        assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----"), "PKCS#8 is the form that the server reads"
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"
    assert files.server_key.read_bytes() != files.client_key.read_bytes()


def test_certificate(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(write_keys(tmp_path).server_certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    now = dt.datetime.now(dt.UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc < now + dt.timedelta(days=3 * 366)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "server.key").symlink_to(elsewhere)
    with pytest.raises(FileExistsError):
        write_keys(folder)
    assert not elsewhere.exists()


def test_a_client_never_gets_the_servers_key(tmp_path: Path) -> None:
    files = KeyFiles(write_keys(tmp_path).folder)
    keys = read_client_keys(tmp_path)
    assert keys.private_key == files.client_key.read_bytes()
    assert keys.root_certificates == files.server_certificate.read_bytes()
    assert "BEGIN" not in repr(keys)
