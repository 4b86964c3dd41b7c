"""What this SDK sets itself, against the floor of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contenders import FLOOR, SDK
from benchmarks.results import Results, Spread

__all__ = ["Verdict", "judge"]

_CALL_RATIO = 1.25
_LIST_RATIO = 1.4
_TRANSFER_RATIO = 0.9
_READ_MEMORY_RATIO = 2.2
_WRITE_MEMORY_MIB = 64
_IMPORT_RATIO = 1.5
_IMPORT_MS = 60


@dataclass(frozen=True)
class Verdict:
    """A target, what was measured, and whether that meets it; ``met`` is None when there is no measurement."""

    title: str
    wanted: str
    found: str
    met: bool | None


def judge(results: Results) -> list[Verdict]:
    """A verdict for each target whose measure was asked for."""
    return [*_ratios(results), *_memory(results), *_import(results)]


def _ratios(results: Results) -> Iterator[Verdict]:
    for name, limit, at_most in (
        ("exists", _CALL_RATIO, True),
        ("list", _LIST_RATIO, True),
        ("read", _TRANSFER_RATIO, False),
        ("write", _TRANSFER_RATIO, False),
    ):
        measure = results.measures.get(name)
        if measure is None:
            continue
        ratio = measure.ratio(SDK, FLOOR)
        wanted = f"{'at most' if at_most else 'at least'} {limit:g} times the floor"
        met = None if ratio is None else ratio.median <= limit if at_most else ratio.median >= limit
        yield Verdict(measure.title, wanted, _times(ratio), met)


def _memory(results: Results) -> Iterator[Verdict]:
    limits = {
        "read-memory": (_READ_MEMORY_RATIO * results.file_mib, f"at most {_READ_MEMORY_RATIO:g} times the file"),
        "write-memory": (float(_WRITE_MEMORY_MIB), f"under {_WRITE_MEMORY_MIB} MiB"),
    }
    for name, (limit, wanted) in limits.items():
        measure = results.measures.get(name)
        if measure is None:
            continue
        peak = measure.spread(SDK)
        if peak is None:
            yield Verdict(measure.title, wanted, "not measured", None)
            continue
        times = f", {peak.median / results.file_mib:.2f} times the file" if name == "read-memory" else ""
        yield Verdict(measure.title, wanted, f"{peak.median:.0f} MiB{times}", peak.median <= limit)


def _import(results: Results) -> Iterator[Verdict]:
    measure = results.measures.get("import")
    if measure is None:
        return
    own, grpc = measure.spread(SDK), measure.spread(FLOOR)
    wanted = f"at most {_IMPORT_RATIO:g} times `import grpc` and {_IMPORT_MS} ms"
    if own is None or grpc is None:
        yield Verdict(measure.title, wanted, "not measured", None)
        return
    limit = _IMPORT_RATIO * grpc.median + _IMPORT_MS
    yield Verdict(measure.title, wanted, f"{own.median:.0f} ms, of {limit:.0f} ms allowed", own.median <= limit)


def _times(ratio: Spread | None) -> str:
    return "not measured" if ratio is None else f"{ratio.median:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"
