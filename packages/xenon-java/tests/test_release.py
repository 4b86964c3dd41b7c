"""The jar: fetched for real, checked, and never half there."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from pyxenon_java import PINNED, JarChecksumError, JarFetchError, Release, find_jar, release

CONTENT = b"a small jar" * 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return release.cache_folder()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release whose archive is made here instead of being downloaded."""
    made = replace(PINNED, jar_sha256=hashlib.sha256(CONTENT).hexdigest(), jar_bytes=len(CONTENT))
    monkeypatch.setattr(release, "_download", lambda _release, folder: make_archive(folder / "archive.tar.gz", made))
    return made


def make_archive(path: Path, made: Release, content: bytes = CONTENT) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in ("setup.py", made.member, "last.txt"):
            member = tarfile.TarInfo(f"{made.distribution}-{made.distribution_version}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.java
def test_fetch_into_an_empty_cache(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    jar = find_jar()
    assert jar == cache / PINNED.jar
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == PINNED.jar_sha256
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert [path.name for path in cache.iterdir()] == [PINNED.jar]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("xenon.server", logging.WARNING)
    assert "24 MB" in record.getMessage()
    assert str(cache) in record.getMessage()
    assert find_jar() == jar
    assert len(caplog.records) == 1, "the second use fetches nothing"


def test_a_failed_fetch_tells_what_pip_said_and_what_to_try(cache: Path, small_index: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JarFetchError) as caught:
        find_jar()
    message = str(caught.value)
    assert "No matching distribution found for pyxenon==3.0.3" in message
    assert "XENON_GRPC_JAR" in message
    assert not list(cache.parent.rglob("*.jar*"))


@pytest.fixture
def small_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives pip an index with nothing in it, through the user's own settings."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def test_a_damaged_copy_is_replaced(cache: Path, small: Release, caplog: pytest.LogCaptureFixture) -> None:
    cache.mkdir(parents=True)
    (cache / small.jar).write_bytes(CONTENT[:100])
    jar = find_jar(small)
    assert jar.read_bytes() == CONTENT
    assert "is damaged" in caplog.records[0].getMessage()


def test_a_damaged_copy_is_never_used_when_it_cannot_be_replaced(cache: Path, small_index: None) -> None:
    cache.mkdir(parents=True)
    (cache / PINNED.jar).write_bytes(CONTENT)
    with pytest.raises(JarChecksumError) as caught:
        find_jar()
    message = str(caught.value)
    for part in (str(cache / PINNED.jar), PINNED.jar_sha256, hashlib.sha256(CONTENT).hexdigest(), "Delete it", "pip download"):
        assert part in message


def test_a_fetched_jar_with_a_wrong_hash_is_refused(cache: Path, small: Release) -> None:
    wanted = replace(small, jar_sha256="0" * 64)
    with pytest.raises(JarChecksumError, match="0000"):
        find_jar(wanted)
    assert list(cache.iterdir()) == []


def test_an_archive_without_the_jar_is_refused(cache: Path, small: Release) -> None:
    with pytest.raises(JarFetchError, match="it has no such file"):
        find_jar(replace(small, jar_bytes=5))


def test_ctrl_c_leaves_nothing_behind(cache: Path, small: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_source: IO[bytes], target: IO[bytes], _length: int) -> None:
        target.write(CONTENT[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        find_jar(small)
    assert list(cache.iterdir()) == []


def test_two_may_fetch_at_once(cache: Path, small: Release) -> None:
    found: list[Path] = []
    run: Callable[[], None] = lambda: found.append(find_jar(small))  # noqa: E731
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [cache / small.jar] * 2
    assert [path.read_bytes() for path in cache.iterdir()] == [CONTENT]


def test_a_cache_that_cannot_be_written(small: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(JarFetchError, match="XENON_GRPC_JAR"):
        find_jar(small)


def test_the_environment_may_name_another_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    jar = tmp_path / "mine.jar"
    monkeypatch.setenv("XENON_GRPC_JAR", str(jar))
    with pytest.raises(JarFetchError, match="the file does not exist"):
        find_jar()
    jar.write_bytes(CONTENT)
    assert find_jar() == jar
    assert "is not xenon-grpc 3.0.1 as released" in caplog.records[0].getMessage()
