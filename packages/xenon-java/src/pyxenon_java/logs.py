"""The server's output, line by line, into Python's logging under ``xenon.server``."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from pathlib import Path
from typing import IO, Protocol

__all__ = ["LevelReader", "LogFile", "LogPump", "ServerLog", "logger"]

logger = logging.getLogger("xenon.server")
LINES_KEPT = 50

_WORDS = {"TRACE", "DEBUG", "FINE", "INFO", "WARN", "WARNING", "ERROR", "SEVERE"}
_LOUD = {"WARN", "WARNING", "ERROR", "SEVERE"}
_ANY = "|".join(sorted(_WORDS, key=len, reverse=True))
# "11:55:13.305 [main] ERROR n.e.xenon.grpc.XenonServerWrapper - …" from the server, "WARNING: …" from the Java runtime.
_WITH_LEVEL = re.compile(rf"(?:[0-9:.,]+ \[[^\]]*\] ({_ANY}) |({_ANY})(?::| ))")


class LevelReader:
    """Tells how much each line matters to this program: INFO for what the server warns of or calls an error, DEBUG for the rest.

    The server shouts: it calls its own start an error, and writes a stack trace for a path that a caller mistyped, who gets an exception
    for the same. A line that names no level, such as one of a stack trace, has that of the line before.
    """

    def __init__(self) -> None:
        self._level = logging.DEBUG

    def read(self, line: str) -> int:
        """The level of *line*, one of :mod:`logging`'s numbers."""
        match = _WITH_LEVEL.match(line)
        if line.startswith("Exception in thread"):
            self._level = logging.INFO
        elif match:
            self._level = logging.INFO if (match[1] or match[2]) in _LOUD else logging.DEBUG
        elif line.startswith("***"):  # its words on the way out
            self._level = logging.DEBUG
        return self._level


class ServerLog(Protocol):
    """Where a server's last words are found."""

    def last_lines(self) -> list[str]:
        """The last 50 lines that the server wrote, oldest first."""
        ...

    def finish(self) -> None:
        """Wait a moment for the last line of a server that has ended."""
        ...


class LogFile:
    """The log of a server that is to outlive this program, in a file, as a pipe would break when the program ends."""

    def __init__(self, path: Path) -> None:
        """Takes a file that exists; it stays readable here after the server's folder is gone."""
        self._stream = path.open("rb")
        self._lines: list[str] = []

    def last_lines(self) -> list[str]:
        """The last 50 lines that the server wrote, oldest first."""
        if not self._stream.closed:
            self._stream.seek(0)
            lines = deque((line.decode(errors="replace").rstrip() for line in self._stream), maxlen=LINES_KEPT)
            self._lines = [line for line in lines if line]
        return self._lines

    def finish(self) -> None:
        """Take in the last lines; the server has ended, and the file is closed."""
        self.last_lines()
        self._stream.close()


class LogPump:
    """Reads a server's output in a daemon thread, logs it, and keeps its last 50 lines."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._thread = threading.Thread(target=self._run, name="xenon-server-log", daemon=True)
        self._thread.start()

    def last_lines(self) -> list[str]:
        """The last 50 lines that the server wrote, oldest first."""
        with self._lock:
            return list(self._lines)

    def finish(self) -> None:
        """Wait until the server's last line is in, but no longer than a second."""
        self._thread.join(1.0)

    def _run(self) -> None:
        levels = LevelReader()
        with self._stream:
            for raw in self._stream:
                line = raw.decode(errors="replace").rstrip()
                if line:
                    with self._lock:
                        self._lines.append(line)
                    logger.log(levels.read(line), "%s", line)
