"""The results as tables, for a terminal and for the page in the documentation."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.contenders import title
from benchmarks.machine import drift, why_busy
from benchmarks.measure import Found, Measure, Results, Spread, verdicts, worse

__all__ = ["failures", "page", "terminal"]

_PAGE = Path(__file__).with_name("page.md")
_SMALL_RATIO = 0.1
_HEAD = ("measure", "unit", "who", "result", "beside", "its result", "ratio")
_TARGET_HEAD = ("target", "wanted", "measured", "met")
_WORDS = {True: "pass", False: "FAIL", None: "not measured"}


def terminal(results: Results, measures: Sequence[Measure]) -> str:
    """Return the results as lines."""
    tables = [[_HEAD, *_rows(results, measures)], list(_judged(results, measures))]
    busy = [f"On a busy machine: {reason}." for reason in why_busy(results.load, results.calibration)]
    lines = [*_notes(results, measures), *_profiles(results, measures), *_environment(results), *busy]
    failed = failures(results, measures) if results.base else []
    failed = [f"Worse than {results.base} by more than a tenth, or no longer possible:", *failed] if failed else []
    return "\n".join([*(line for table in tables for line in ["", *_columns(table)]), "", *lines, *failed])


def page(results: Results, groups: Mapping[str, Sequence[Measure]]) -> str:
    """Return the page about performance, in Markdown."""
    measures = [measure for group in groups.values() for measure in group]
    words = {
        "made": results.made,
        "environment": "\n".join(_environment(results)),
        "notes": "\n".join(_notes(results, measures)) or "- none",
        "profiles": "\n".join(_profiles(results, measures)) or "All targets were met.",
    }
    for name, group in groups.items():
        words[name] = _table([_HEAD, *_rows(results, group)])
        words[f"{name}_targets"] = _table([_TARGET_HEAD, *_judged(results, group)])
    return string.Template(_PAGE.read_text(encoding="utf-8")).substitute(words)


def failures(results: Results, measures: Sequence[Measure]) -> list[str]:
    """Return the measures that miss a target and, beside another checkout, those that are worse."""
    pairs = list(_found(results, measures))
    missed = [measure.title for measure, found in pairs for verdict in verdicts(measure, found) if verdict.met is False]
    return missed + [line for measure, found in pairs if results.base for line in worse(measure, found, title)]


def _rows(results: Results, measures: Iterable[Measure]) -> Iterator[Sequence[str]]:
    for measure, found in _found(results, measures):
        for ours, other in measure.pairs:
            ratio = found.ratio(ours, other)
            form = ".4f" if ratio and ratio.median < _SMALL_RATIO else ".2f"
            numbers = [(title(name, results.base), _number(found.spread(name), name in found.notes)) for name in (ours, other)]
            yield (measure.title, measure.unit, *numbers[0], *numbers[1], _spread(ratio, form))


def _found(results: Results, measures: Iterable[Measure]) -> Iterator[tuple[Measure, Found]]:
    return ((measure, results.found[measure.name]) for measure in measures if measure.name in results.found)


def _number(spread: Spread | None, failed: bool) -> str:
    return "cannot" if failed else _spread(spread, ",.0f" if spread and spread.median >= 10 else ".2f")


def _spread(spread: Spread | None, form: str) -> str:
    return f"{spread.median:{form}} ({spread.low:{form}} to {spread.high:{form}})" if spread else "-"


def _judged(results: Results, measures: Iterable[Measure]) -> Iterator[Sequence[str]]:
    for measure, found in _found(results, measures):
        for verdict in verdicts(measure, found, title):
            yield measure.title, verdict.wanted, verdict.found, _WORDS[verdict.met]


def _notes(results: Results, measures: Iterable[Measure]) -> Iterator[str]:
    for measure, found in _found(results, measures):
        yield from (f"- {measure.title}, {title(name, results.base)}: `{reason}`" for name, reason in found.notes.items())


def _profiles(results: Results, measures: Iterable[Measure]) -> Iterator[str]:
    """Yield the profiles of the measures that miss a target."""
    for measure, found in _found(results, measures):
        yield from [f"- {measure.title}:", *(f"  - {line}" for line in found.profile)] if found.profile else []


def _environment(results: Results) -> Iterator[str]:
    known, times = results.environment, results.calibration
    yield f"- {known['system']}, {known['cpus']} CPUs, {known['memory_gib']} GiB of memory"
    yield f"- one-minute load before: {results.load:.2f}"
    yield (
        f"- calibration, a fixed loop in pure Python: {times[0]:.1f} ms before, {times[-1]:.1f} ms after; from {min(times):.1f} to "
        f"{max(times):.1f} ms in between, {drift(times):.0%} apart"
    )
    yield f"- xenon-grpc {known['xenon-grpc']} on Java {known['java']}"
    yield f"- OpenSSH {known['openssh']}; the hosts are containers on the same machine, {known['hosts']}"
    alike: dict[str, list[str]] = {}
    for name, versions in known["contenders"].items():
        alike.setdefault(", ".join(f"{package} {version}" for package, version in versions.items()), []).append(title(name, results.base))
    yield from (f"- {', '.join(dict.fromkeys(names))}: {versions}" for versions, names in alike.items())


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
