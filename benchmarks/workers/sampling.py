"""Profile this process: a thread samples where its time goes and how far its memory rises."""

from __future__ import annotations

import gc
import re
import resource
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter

__all__ = ["peak_beyond_start", "sampling"]

_INTERVAL = 0.003
_MOST = 8
_LEAST_SHARE = 0.02
# An idle thread is in one of these modules.
_WAITING = {"selectors.py", "threading.py", "queue.py", "thread.py"}
_ROOT = Path(__file__).resolve().parent.parent.parent
_MARKS = ("site-packages", "src", f"python{sys.version_info.major}.{sys.version_info.minor}")
_STATUS = Path("/proc/self/status")


@contextmanager
def sampling() -> Iterator[list[str]]:
    """Sample what all threads are doing during a ``with``; at its end the list tells how busy they were, and with what."""
    samples: list[list[str]] = []
    lines: list[str] = []
    ended, start = threading.Event(), perf_counter()
    thread = threading.Thread(target=lambda: samples.extend(_samples(ended)), daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        ended.set()
        thread.join()
    lines.extend(_summary(samples, perf_counter() - start))


def _samples(ended: threading.Event) -> Iterator[list[str]]:
    """Yield what each busy thread is in, as ``package.module, function``, until *ended*."""
    while not ended.wait(_INTERVAL):
        frames = [frame.f_code for thread, frame in sys._current_frames().items() if thread != threading.get_ident()]
        yield [f"{_module(Path(code.co_filename))}, {code.co_name}" for code in frames if Path(code.co_filename).name not in _WAITING]


def _summary(samples: list[list[str]], seconds: float) -> Iterator[str]:
    """Yield lines in which shares are of the time that threads were busy."""
    places = Counter(place for sample in samples for place in sample)
    packages = Counter(place.partition(",")[0].partition(".")[0] for place in places.elements())
    busy = max(1, places.total())
    shares = ", ".join(f"{name} {count / busy:.0%}" for name, count in packages.most_common(5))
    yield f"{seconds:.2f} s; on average {places.total() / max(1, len(samples)):.2f} threads were at work: {shares}"
    yield from (f"{count / busy:.0%} {place}" for place, count in places.most_common(_MOST) if count >= _LEAST_SHARE * busy)


def _module(path: Path) -> str:
    """Return the dotted name of the module in a file, from its package on."""
    parts = list(path.with_suffix("").parts)
    for mark in _MARKS:
        if mark in parts:
            return ".".join(parts[len(parts) - parts[::-1].index(mark) :])
    return ".".join(path.with_suffix("").relative_to(_ROOT).parts) if path.is_relative_to(_ROOT) else path.stem


def peak_beyond_start(work: Callable[[], object]) -> int:
    """Do *work*; return by how many bytes the peak of resident memory exceeds what it was before."""
    gc.collect()
    with suppress(OSError):  # not on every system; the peak of a fresh process is close to its present size
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """Return a field of the kernel's status in bytes; without one, the highest resident size so far."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found = re.search(rf"{field}:\s+(\d+)", _STATUS.read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0
