"""The server behind a socket of this machine's, which needs no keys: its folder lets nobody else in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path as LocalPath

import pytest

import xenon
from conformance.batch import shell
from conformance.servers import start_server
from xenon.exceptions import XenonException

SECONDS = 60


@pytest.fixture
def session(tmp_path: LocalPath, monkeypatch: pytest.MonkeyPatch) -> Iterator[xenon.Session]:
    """The session on such a server, as if :func:`xenon.init` had just opened it."""
    path = tmp_path / "private" / "xenon.sock"
    process = start_server(tmp_path / "log", tmp_path, {"--uds": str(path)})
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.02)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with xenon.Session(f"unix://{path}") as opened:
        monkeypatch.setattr("pyxenon.session._current", opened)
        yield opened
    process.terminate()
    assert process.wait(SECONDS) == 0
    assert not path.exists()


def test_files_and_jobs(session: xenon.Session, tmp_path: LocalPath) -> None:
    with xenon.FileSystem.create("file", str(tmp_path)) as filesystem, xenon.Scheduler.create("local", str(tmp_path)) as scheduler:
        filesystem.write_to_file("in", [b"content" * 1000] * 100)
        status = scheduler.wait_until_done(scheduler.submit_batch_job(shell("cat", stdin="in", stdout="out")), timeout=SECONDS * 1000)
        assert status.exit_code == 0
        assert b"".join(filesystem.read_from_file("out")) == b"content" * 100_000
        with pytest.raises(XenonException, match="missing"):
            filesystem.get_attributes("missing")
