"""The server's lines and their levels."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_java.logs import LINES_KEPT, LevelReader, LogFile, LogPump

LINES = [
    ("11:55:13.305 [main] ERROR n.e.xenon.grpc.XenonServerWrapper - Server started, listening on port 5 with mutual TLS", "INFO"),
    ("11:55:13.305 [grpc-default-executor-0] WARN  nl.esciencecenter.Xenon - slow", "INFO"),
    ("java.io.IOException: nothing there", "INFO"),
    ("\tat io.grpc.netty.NettyServer.start(NettyServer.java:246)", "INFO"),
    ("11:55:14.001 [pool-1] INFO  nl.esciencecenter.Xenon - connected", "DEBUG"),
    ("11:55:14.001 [pool-1] TRACE a.B - bytes", "DEBUG"),
    ('Exception in thread "main" java.io.IOException: Failed to bind', "INFO"),
    ("\tat nl.esciencecenter.Main", "INFO"),
    ("Caused by: java.net.BindException: Address already in use", "INFO"),
    ("*** shutting down gRPC server since JVM is shutting down", "DEBUG"),
    ("WARNING: A terminally deprecated method has been called", "INFO"),
    ("SEVERE: handshake failed", "INFO"),
    ("ERROR cannot run /bin/java: [Errno 8] Exec format error", "INFO"),
]


def test_levels() -> None:
    reader = LevelReader()
    assert [(line, logging.getLevelName(reader.read(line))) for line, _ in LINES] == LINES


@given(st.lists(st.text()))
def test_no_line_is_without_a_level(lines: list[str]) -> None:
    reader = LevelReader()
    assert {reader.read(line) for line in lines} <= {logging.DEBUG, logging.INFO}


def test_the_pump_logs_and_keeps_the_last_lines(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    with caplog.at_level("DEBUG", "xenon.server"):
        pump = LogPump(os.fdopen(reader, "rb"))
        with os.fdopen(writer, "wb") as stream:
            stream.write(b"\n".join(b"line %d \xff" % number for number in range(60)) + b"\n\nlast, not ended")
        pump.finish()
    assert len(caplog.records) == 61
    assert pump.last_lines()[0] == "line 11 \ufffd"
    assert pump.last_lines()[-1] == "last, not ended"
    assert len(pump.last_lines()) == LINES_KEPT


def test_a_file_can_be_read_after_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("".join(f"line {number}\n" for number in range(60)))
    log = LogFile(path)
    path.unlink()
    assert log.last_lines()[-1] == "line 59"
    log.finish()
    assert len(log.last_lines()) == LINES_KEPT
