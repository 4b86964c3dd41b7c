"""The results in words: tables for a terminal and for the page in the documentation."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import FLOOR, PEER, SDK, SDK_ASYNC
from benchmarks.results import Measure, Results, Spread
from benchmarks.servers.contenders import EMBEDDED
from benchmarks.servers.contenders import TITLES as SERVER_TITLES
from benchmarks.servers.targets import LINES
from benchmarks.servers.targets import judge as judge_servers
from benchmarks.targets import Verdict, judge

__all__ = ["page", "terminal"]

_PAGE = Path(__file__).with_name("page.md")
_TITLES = {SDK: "xenon", SDK_ASYNC: "pyxenon_core", FLOOR: "floor", PEER: "pyxenon 3.0.3"}
_ALL_TITLES = {**_TITLES, **SERVER_TITLES}
_NOTHING = "-"
_SMALL_RATIO = 0.1
_SERVER_HEAD = ("measure", "unit", "embedded", "beside", "the other", "embedded / the other")
_TARGET_HEAD = ("target", "wanted", "measured", "met")
_WORDS = {True: "pass", False: "FAIL", None: "not measured"}


def terminal(results: Results) -> str:
    """The results as lines of at most some 150 characters."""
    head, *rows = _rows(results)
    lines = _columns([head, *rows]) if rows else []
    if results.servers:
        lines += ["", *_columns([_SERVER_HEAD, *map(_server_row, results.servers.values())])]
    judged = [*judge(results), *judge_servers(results.servers.values())]
    verdicts = [(_WORDS[verdict.met], verdict.title, verdict.wanted, verdict.found) for verdict in judged]
    notes = [f"{title}, {contender}: {reason}" for title, contender, reason in _notes(results)]
    return "\n".join(["", *lines, "", *_columns(verdicts), "", *notes, "", *_profiles(results)]).rstrip() + "\n"


def page(results: Results) -> str:
    """The page about performance, in Markdown."""
    head, *rows = _rows(results)
    template = string.Template(_PAGE.read_text(encoding="utf-8"))
    return template.substitute(
        made=results.made,
        file_mib=results.file_mib,
        environment="\n".join(f"- {line}" for line in _environment(results.environment)),
        measures=_table(head, rows),
        notes="\n".join(f"- {title}, {contender}: `{reason}`" for title, contender, reason in _notes(results)) or "- none",
        targets=_table(_TARGET_HEAD, [_verdict_row(verdict) for verdict in judge(results)]),
        servers=_table(_SERVER_HEAD, [_server_row(measure) for measure in results.servers.values()]),
        server_targets=_table(_TARGET_HEAD, [_verdict_row(verdict) for verdict in judge_servers(results.servers.values())]),
        profiles="\n".join(_profiles(results)) or "All targets were met.",
    )


def _rows(results: Results) -> list[Sequence[str]]:
    head = ("measure", "unit", *_TITLES.values(), "xenon / floor", "pyxenon_core / floor", "xenon / pyxenon")
    return [head, *(_row(measure) for measure in results.measures.values())]


def _row(measure: Measure) -> Sequence[str]:
    numbers = [_number(measure, contender) for contender in _TITLES]
    ratios = [measure.ratio(SDK, FLOOR), measure.ratio(SDK_ASYNC, FLOOR), measure.ratio(SDK, PEER)]
    return (measure.title, measure.unit, *numbers, *map(_ratio, ratios))


def _server_row(measure: Measure) -> Sequence[str]:
    other = LINES[measure.name].against
    numbers = (_number(measure, EMBEDDED), SERVER_TITLES.get(other, _NOTHING), _number(measure, other))
    return (measure.title, measure.unit, *numbers, _ratio(measure.ratio(EMBEDDED, other)))


def _profiles(results: Results) -> Iterator[str]:
    """Where the time goes in the measures that miss their target, as Markdown."""
    for measure in results.servers.values():
        if measure.profile:
            yield f"- {measure.title}:"
            yield from (f"  - {line}" for line in measure.profile)


def _number(measure: Measure, contender: str) -> str:
    spread = measure.spread(contender)
    if spread is None:
        return "cannot" if contender in measure.notes else _NOTHING
    return _spread(spread, ",.0f" if spread.median >= 10 else ".2f")


def _spread(spread: Spread | None, form: str) -> str:
    return _NOTHING if spread is None else f"{spread.median:{form}} ({spread.low:{form}} to {spread.high:{form}})"


def _ratio(spread: Spread | None) -> str:
    return _spread(spread, ".4f" if spread is not None and spread.median < _SMALL_RATIO else ".2f")


def _notes(results: Results) -> Iterator[tuple[str, str, str]]:
    for measure in (*results.measures.values(), *results.servers.values()):
        for contender, reason in measure.notes.items():
            yield measure.title, _ALL_TITLES[contender], reason


def _environment(environment: dict[str, Any]) -> Iterator[str]:
    yield f"{environment['system']}, {environment['cpus']} CPUs, {environment['memory_gib']} GiB of memory"
    yield f"xenon-grpc {environment['xenon-grpc']} on Java {environment['java']}"
    yield f"OpenSSH {environment['openssh']}; the hosts are containers on the same machine, {environment['hosts']}"
    yield f"embedded: {_versions(environment['embedded'])}"
    for name, versions in environment["contenders"].items():
        yield f"{_TITLES[name]}: {_versions(versions)}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _verdict_row(verdict: Verdict) -> Sequence[str]:
    return verdict.title, verdict.wanted, verdict.found, _WORDS[verdict.met]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
