"""Mutual TLS: the keys of the README, over the SDK's channels, and everyone else refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, SECP256R1, SECP384R1, SECP521R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.x509.oid import NameOID
from serve_servants import Services

import pyxenon_core
from pyxenon_core import messages, services
from pyxenon_core.channels.framing import MessageReader
from pyxenon_core.channels.http2 import BlockingStreams
from pyxenon_core.errors import ServerStartError, ServerUnavailableError
from pyxenon_core.targets import GrpcEndpoint, open_target
from pyxenon_server.grpc.keys import ServerKeys
from pyxenon_server.grpc.serving import GrpcServer, Listening
from pyxenon_server.grpc.sockets import Port


def server_keys(folder: Path, clients: Path | None = None) -> ServerKeys:
    return ServerKeys(folder / "server.pem", folder / "server.key", clients or folder / "client.pem")


@contextlib.asynccontextmanager
async def served(keys: ServerKeys) -> AsyncIterator[int]:
    server = GrpcServer(Services().servicers)
    await server.start(Listening(port=Port("localhost", 0), keys=keys))
    [port] = server.places
    assert isinstance(port, Port)
    yield port.number
    await server.stop(0)


def target(port: int, trusted: Path, shown: Path) -> str:
    return f"grpcs://localhost:{port}?ca={trusted}/server.pem&cert={shown}/client.pem&key={shown}/client.key"


async def greet(text: str) -> list[str]:
    async with await pyxenon_core.connect(text) as client:
        return list(await client.filesystems.get_adaptor_names())


def test_the_keys_of_the_readme_let_a_client_in(keys: Path) -> None:
    async def work() -> None:
        async with served(server_keys(keys)) as port:
            assert await greet(target(port, keys, keys)) == ["file"]
            assert await greet(target(port, keys, keys).replace("localhost", "127.0.0.1")) == ["file"]

    asyncio.run(work())


def test_what_is_streamed_past_grpcio_gets_in_too(keys: Path) -> None:
    """Listings and files go over connections, and a TLS, of the SDK's own."""

    def entries(port: int) -> int:
        endpoint = open_target(target(port, keys, keys))
        assert isinstance(endpoint, GrpcEndpoint)
        streams = BlockingStreams(endpoint)
        rpc = services.FILE_SYSTEM_LIST
        found = list(streams.read(rpc, messages.ListRequest(messages.FileSystem("f"), messages.Path("/")), MessageReader(rpc.name)))
        streams.close()
        return len(found)

    async def work() -> None:
        async with served(server_keys(keys)) as port:
            assert await asyncio.to_thread(entries, port) == 100

    asyncio.run(work())


def test_the_keys_of_the_readme_are_their_owners_alone(keys: Path) -> None:
    assert {path.name for path in keys.iterdir()} == {"server.pem", "server.key", "client.pem", "client.key"}
    assert {path.stat().st_mode & 0o777 for path in keys.glob("*.key")} == {0o600}


def test_a_client_without_a_certificate_is_refused(keys: Path) -> None:
    async def work() -> None:
        async with served(server_keys(keys)) as port:
            with pytest.raises(ServerUnavailableError):
                await greet(f"grpcs://localhost:{port}?ca={keys}/server.pem")

    asyncio.run(work())


def test_a_client_with_a_certificate_that_nobody_trusts_is_refused(keys: Path, other_keys: Path) -> None:
    async def work() -> None:
        async with served(server_keys(keys)) as port:
            with pytest.raises(ServerUnavailableError):
                await greet(target(port, keys, other_keys))

    asyncio.run(work())


def test_a_server_that_the_client_does_not_trust_is_refused(keys: Path, other_keys: Path) -> None:
    async def work() -> None:
        async with served(server_keys(keys)) as port:
            with pytest.raises(ServerUnavailableError):
                await greet(target(port, other_keys, keys))

    asyncio.run(work())


def test_plain_grpc_is_refused(keys: Path) -> None:
    async def work() -> None:
        async with served(server_keys(keys)) as port:
            with pytest.raises(ServerUnavailableError):
                await greet(f"grpc://localhost:{port}")

    asyncio.run(work())


def test_several_clients_may_be_trusted(keys: Path, other_keys: Path, tmp_path: Path) -> None:
    both = tmp_path / "clients.pem"
    both.write_bytes((keys / "client.pem").read_bytes() + (other_keys / "client.pem").read_bytes())

    async def work() -> None:
        async with served(server_keys(keys, both)) as port:
            assert await greet(target(port, keys, keys)) == ["file"]
            assert await greet(target(port, keys, other_keys)) == ["file"]

    asyncio.run(work())


def test_a_client_of_pyxenon_3_gets_in(keys: Path) -> None:
    """It has nothing but grpcio's stubs over a channel with the same three files."""

    async def work() -> None:
        async with served(server_keys(keys)) as port:
            credentials = grpc.ssl_channel_credentials(*((keys / name).read_bytes() for name in ("server.pem", "client.key", "client.pem")))

            def call() -> bytes:
                with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
                    answer: bytes = channel.unary_unary(services.FILE_SYSTEM_GET_ADAPTOR_NAMES.path)(b"", timeout=60)
                    return answer

            assert await asyncio.to_thread(call) == b"\x0a\x04file"

    asyncio.run(work())


# --- files that are wrong ------------------------------------------------------------------------------------------------------------


def refused(keys: ServerKeys) -> str:
    with pytest.raises(ServerStartError) as caught:
        keys.credentials()
    return str(caught.value)


def test_a_file_that_is_missing_is_named(keys: Path, tmp_path: Path) -> None:
    said = refused(ServerKeys(keys / "server.pem", tmp_path / "none.key", keys / "client.pem"))
    assert f"cannot read {tmp_path}/none.key: No such file or directory. See the README" in said


def test_a_key_of_another_certificate_is_told(keys: Path, other_keys: Path) -> None:
    said = refused(ServerKeys(keys / "server.pem", other_keys / "server.key", keys / "client.pem"))
    assert f"{keys}/server.pem and {other_keys}/server.key are not a matching certificate and private key" in said


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
def test_a_file_that_holds_no_certificate_is_named(keys: Path, tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)
    assert f"{bad} contains no certificate" in refused(server_keys(keys, bad))
    assert f"{bad} and " in refused(ServerKeys(bad, keys / "server.key", keys / "client.pem"))
    assert f"and {bad} are" in refused(ServerKeys(keys / "server.pem", bad, keys / "client.pem"))


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(keys: Path, tmp_path: Path) -> None:
    encrypted = tmp_path / "server.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(keys / "server.key"), "-out", str(encrypted), "-passout", "stdin"]
    subprocess.run(command, input=b"hunter2\n", check=True, capture_output=True, timeout=60)
    said = refused(ServerKeys(keys / "server.pem", encrypted, keys / "client.pem"))
    assert f"{encrypted} has a passphrase" in said


Key = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


def make_pair(folder: Path, key: Key, first_day: int = -1, last_day: int = 1) -> ServerKeys:
    """A certificate of *key* that is valid from one day to another, counted from now, for the server and for its clients."""
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(now + timedelta(first_day)).not_valid_after(now + timedelta(last_day))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").touch(0o600)
    (folder / "server.key").write_bytes(key.private_bytes(*form))
    for name_of_file in ("server.pem", "client.pem"):
        (folder / name_of_file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "client.key").write_bytes(key.private_bytes(*form))
    return server_keys(folder)


@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, lambda: generate_ec(SECP521R1()), lambda: generate_ec(SECP256K1())])
def test_a_certificate_that_tls_of_grpc_cannot_use_is_refused(tmp_path: Path, make: Callable[[], Key]) -> None:
    assert f"{tmp_path}/server.pem has a kind of key that gRPC's TLS cannot use" in refused(make_pair(tmp_path, make()))


@pytest.mark.parametrize("make", [lambda: generate_ec(SECP256R1()), lambda: generate_ec(SECP384R1()), lambda: generate_rsa(65537, 2048)])
def test_a_certificate_of_a_kind_that_it_can_use_lets_a_client_in(tmp_path: Path, make: Callable[[], Key]) -> None:
    async def work() -> None:
        async with served(make_pair(tmp_path, make())) as port:
            assert await greet(target(port, tmp_path, tmp_path)) == ["file"]

    asyncio.run(work())


def test_a_certificate_that_has_expired_is_refused_with_the_day(tmp_path: Path) -> None:
    said = refused(make_pair(tmp_path, generate_ec(SECP256R1()), -9, -2))
    assert f"{tmp_path}/server.pem expired on {datetime.now(UTC) - timedelta(2):%Y-%m-%d}" in said


def test_certificates_that_are_not_yet_or_no_more_of_use_are_warned_of(
    keys: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_pair(tmp_path, generate_ec(SECP256R1()), -9, -2)
    server_keys(keys, tmp_path / "client.pem").credentials()
    assert f"CN=somebody in {tmp_path}/client.pem expired on " in caplog.text
    make_pair(tmp_path, generate_ec(SECP256R1()), 2, 9).credentials()
    assert f"{tmp_path}/server.pem is not valid until {datetime.now(UTC) + timedelta(2):%Y-%m-%d}" in caplog.text


def test_a_key_that_others_can_read_is_warned_of(keys: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(keys / "server.key", tmp_path / "server.key")
    (tmp_path / "server.key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        ServerKeys(keys / "server.pem", tmp_path / "server.key", keys / "client.pem").credentials()
    assert f"other users can read the private key {tmp_path}/server.key; run chmod 600 {tmp_path}/server.key" in caplog.text
