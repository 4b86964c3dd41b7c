"""What this process costs: where its time goes, as a thread sees that looks at all others, and how far its memory rises."""

from __future__ import annotations

import contextlib
import gc
import re
import resource
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import FrameType

__all__ = ["Sampler", "peak_beyond_start"]

_INTERVAL = 0.003
_MOST = 8
_LEAST_SHARE = 0.02
# What a thread is in that has nothing to do.
_WAITING = {"selectors.py", "threading.py", "queue.py", "thread.py"}
_ROOT = Path(__file__).resolve().parent.parent.parent
_MARKS = ("site-packages", "src", f"python{sys.version_info.major}.{sys.version_info.minor}")
_STATUS = Path("/proc/self/status")


class Sampler:
    """Samples during a ``with``."""

    def __init__(self) -> None:
        self._places: Counter[str] = Counter()
        self._rooms: Counter[str] = Counter()
        self._samples = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._seconds = 0.0

    def __enter__(self) -> Sampler:
        self._seconds = perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._seconds = perf_counter() - self._seconds

    def summary(self) -> list[str]:
        """Return lines: how busy its threads were, and what they were doing, as shares of the time that they were busy."""
        busy = max(1, sum(self._places.values()))
        rooms = ", ".join(f"{name} {count / busy:.0%}" for name, count in self._rooms.most_common(5))
        head = f"{self._seconds:.2f} s; on average {sum(self._places.values()) / max(1, self._samples):.2f} threads were at work: {rooms}"
        common = self._places.most_common(_MOST)
        return [head, *(f"{count / busy:.0%} {place}" for place, count in common if count >= _LEAST_SHARE * busy)]

    def _run(self) -> None:
        mine = threading.get_ident()
        while not self._ended.wait(_INTERVAL):
            self._samples += 1
            for thread, frame in sys._current_frames().items():
                if thread != mine and Path(frame.f_code.co_filename).name not in _WAITING:
                    self._count(frame)

    def _count(self, frame: FrameType) -> None:
        parts = _parts(Path(frame.f_code.co_filename).with_suffix(""))
        self._places[f"{'.'.join(parts)}, {frame.f_code.co_name}"] += 1
        self._rooms[parts[0]] += 1


def _parts(path: Path) -> list[str]:
    """The package that a file belongs to, and its path below."""
    parts = list(path.parts)
    for mark in _MARKS:
        if mark in parts:
            return parts[len(parts) - parts[::-1].index(mark) :]
    return list(path.relative_to(_ROOT).parts) if path.is_relative_to(_ROOT) else [path.stem]


def peak_beyond_start(work: Callable[[], object]) -> int:
    """Do *work*; the bytes by which resident memory at its highest exceeded what it was before."""
    gc.collect()
    with contextlib.suppress(OSError):  # not on every system; the peak of a fresh process is close to its present size
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """A field of the kernel's status in bytes; where there is none, the highest resident size so far."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found = re.search(rf"{field}:\s+(\d+)", _STATUS.read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0
