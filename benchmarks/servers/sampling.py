"""Where the time of this process goes: a thread looks at what all others are doing, some hundred times a second."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path
from time import perf_counter
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Sampler"]

_INTERVAL = 0.003
_MOST = 8
_LEAST_SHARE = 0.02
# What a thread is in that has nothing to do.
_WAITING = {"selectors.py", "threading.py", "queue.py", "thread.py"}
_ROOT = Path(__file__).resolve().parent.parent.parent


class Sampler:
    """Samples during a ``with``."""

    def __init__(self) -> None:
        self._places: Counter[str] = Counter()
        self._rooms: Counter[str] = Counter()
        self._samples = 0
        self._busy = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._seconds = 0.0

    def __enter__(self) -> Self:
        self._seconds = perf_counter()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._seconds = perf_counter() - self._seconds

    def summary(self) -> list[str]:
        """Lines: how busy its threads were, and what they were doing, as shares of the time that they were busy."""
        share = self._busy / max(1, self._samples)
        rooms = ", ".join(f"{name} {count / max(1, self._busy):.0%}" for name, count in self._rooms.most_common(5))
        lines = [f"{self._seconds:.2f} s; on average {share:.2f} threads were at work: {rooms or 'none'}"]
        for place, count in self._places.most_common(_MOST):
            if count >= _LEAST_SHARE * self._busy:
                lines.append(f"{count / self._busy:.0%} {place}")
        return lines

    def _run(self) -> None:
        mine = threading.get_ident()
        while not self._ended.wait(_INTERVAL):
            self._samples += 1
            for thread, frame in sys._current_frames().items():
                if thread != mine and Path(frame.f_code.co_filename).name not in _WAITING:
                    self._count(frame)

    def _count(self, frame: FrameType) -> None:
        self._busy += 1
        room, name = _room(frame.f_code.co_filename)
        self._places[f"{name}, {frame.f_code.co_name}"] += 1
        self._rooms[room] += 1


def _room(filename: str) -> tuple[str, str]:
    """The package that a file belongs to, and its path as one would import it."""
    path = Path(filename)
    parts = list(path.with_suffix("").parts)
    for mark in ("site-packages", "src", f"python{sys.version_info.major}.{sys.version_info.minor}"):
        if mark in parts:
            rest = parts[len(parts) - parts[::-1].index(mark) :]
            return rest[0], ".".join(rest)
    if path.is_relative_to(_ROOT):
        parts = list(path.relative_to(_ROOT).with_suffix("").parts)
        return parts[0], ".".join(parts)
    return path.stem, path.stem
