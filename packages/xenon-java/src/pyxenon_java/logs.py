"""Pass the server's output, line by line, to the logger ``xenon.server``."""

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
    """Chooses the logging level of each line: INFO for the server's warnings and errors, DEBUG for the rest.

    The server's own levels are too high: it logs its start as an error, and a stack trace for a mistyped path, for which the caller gets
    an exception anyway. A line without a level, such as one of a stack trace, has the level of the line before.
    """

    def __init__(self) -> None:
        self._level = logging.DEBUG

    def read(self, line: str) -> int:
        """Return the level of *line*, one of :mod:`logging`'s numbers."""
        match = _WITH_LEVEL.match(line)
        if line.startswith("Exception in thread"):
            self._level = logging.INFO
        elif match:
            self._level = logging.INFO if (match[1] or match[2]) in _LOUD else logging.DEBUG
        elif line.startswith("***"):  # written while it shuts down
            self._level = logging.DEBUG
        return self._level


class ServerLog(Protocol):
    """Access to the last lines that a server wrote."""

    def last_lines(self) -> list[str]:
        """The last 50 lines that the server wrote, oldest first."""
        ...

    def finish(self) -> None:
        """Wait briefly for the last line of a server that has ended."""
        ...


class LogFile:
    """The log file of a server that outlives this program: a pipe would break when the program ends."""

    def __init__(self, path: Path) -> None:
        """Open an existing file; it stays readable here after the server's folder is removed."""
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
        """Read the last lines and close the file; call this when the server has ended."""
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
        """Wait at most one second for the server's last line."""
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
