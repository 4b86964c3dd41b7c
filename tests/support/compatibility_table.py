"""The tables of ``docs/compatibility.md``, made of the tests and of the failures that are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from known_failures import JAVA, case_of, known, name_of, parameters

__all__ = ["table"]

OURS = "embedded"
RELEASED = {"test_filesystems": "File systems", "test_schedulers": "Schedulers", "test_trust": "Trust in a host"}
INTRODUCTION = """# What the released server can do

<!-- Written by `make compatibility` from tests/compatibility and tests/conformance; change the tests or known_failures.toml there instead. -->

Each row is a test, run through this SDK on xenon-grpc 3.0.1 against the server in Docker that `xenon-testing` brings up for the adaptor.
**yes**: it works. A number: it does not, and the note below the table has what the server says, word for word, or what the test saw. Such a
test is expected to fail, strictly: when a server learns to do it, the run of the tests says so.

Two things that no row can show, as they depend on the moment: over `webdav` the server says that a file is written while it still sends it,
so that a second write within milliseconds goes over the first; and its `local` scheduler loses jobs when one scheduler is used from several
threads ([adaptors.rst](adaptors.rst)).
"""
BESIDE = """# Beside the embedded server

The suite in `tests/conformance` holds the interface, RPC by RPC and with its errors, on the embedded server, on `xenon-server` over a socket
with mutual TLS, and on xenon-grpc 3.0.1. Here is where the servers part. Of the tests that have a row in no table, {agreed} pass on all three.
The embedded server and `xenon-server` pass every test; a failure of theirs is a fault to mend, and is expected nowhere.
"""
SECTIONS = {
    "File systems, call by call": ("file", "sftp"),
    "Schedulers, call by call": ("local", "ssh", "slurm"),
    "The server as a whole": ("",),
}


def table(items: Sequence[pytest.Item]) -> str:
    """The whole page. *items* are the tests of both suites."""
    parts = [INTRODUCTION]
    for module, title in RELEASED.items():
        parts.append(_released_section(title, [item for item in items if item.path.stem == module and not _has_servers(item)]))
    beside = [item for item in items if _has_servers(item)]
    agreed = sum(not known(item) for item in beside if parameters(item)["server"] == JAVA)
    parts.append(BESIDE.format(agreed=agreed))
    parts += [_beside_section(title, [item for item in beside if _adaptor(item) in adaptors]) for title, adaptors in SECTIONS.items()]
    return "\n".join(parts)


def _has_servers(item: pytest.Item) -> bool:
    return "server" in parameters(item)


def _adaptor(item: pytest.Item) -> str:
    adaptor: str = parameters(item).get("adaptor", "")
    return adaptor


class _Notes:
    """The words below a table, each with its number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def cell(self, item: pytest.Item | None) -> str:
        """What the cell of a test says."""
        if item is None:
            return ""
        words = known(item)
        return str(self._numbers.setdefault((_adaptor(item), words), len(self._numbers) + 1)) if words else "yes"

    def lines(self) -> list[str]:
        """The notes."""
        return [f"{number}. {f'`{adaptor}`: ' if adaptor else ''}{words}" for (adaptor, words), number in self._numbers.items()]


def _page(title: str, columns: Iterable[str], rows: Iterable[tuple[str, Sequence[str]]], notes: _Notes) -> str:
    columns = list(columns)
    head = [f"## {title}", "", f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines = [f"| {words} | {' | '.join(cells)} |" for words, cells in rows]
    return "\n".join([*head, *lines, "", *notes.lines(), ""])


def _words(item: pytest.Item) -> str:
    words: str = item.function.__doc__  # type: ignore[attr-defined]
    return words.strip().rstrip(".")


def _released_section(title: str, items: Sequence[pytest.Item]) -> str:
    adaptors = list(dict.fromkeys(map(_adaptor, items)))
    notes = _Notes()
    rows = []
    for name in dict.fromkeys(map(name_of, items)):
        of_row = {_adaptor(item): item for item in items if name_of(item) == name}
        rows.append((_words(next(iter(of_row.values()))), [notes.cell(of_row.get(adaptor)) for adaptor in adaptors]))
    return _page(title, [f"`{adaptor}`" for adaptor in adaptors], rows, notes)


def _beside_section(title: str, items: Sequence[pytest.Item]) -> str:
    adaptors = list(dict.fromkeys(map(_adaptor, items)))
    notes = _Notes()
    columns = [f"{f'`{adaptor}`, ' if adaptor else ''}{server}" for adaptor in adaptors for server in ("xenon-grpc", OURS)]
    return _page(title, columns, _beside_rows(items, adaptors, notes), notes)


def _beside_rows(items: Sequence[pytest.Item], adaptors: Sequence[str], notes: _Notes) -> list[tuple[str, list[str]]]:
    """A row for each test on which the servers part; its cases are one row where the same is known of all."""
    rows = []
    for name in dict.fromkeys(map(name_of, items)):
        siblings = [item for item in items if name_of(item) == name]
        cases = list(dict.fromkeys(map(case_of, siblings)))
        by_case = {case: [item for item in siblings if case_of(item) == case] for case in cases}
        told = {case: [(_adaptor(item), known(item)) for item in by_case[case]] for case in cases}
        alike = all(told[case] == told[cases[0]] for case in cases)
        for case in cases[:1] if alike else cases:
            if any(words for _, words in told[case]):
                label = _words(siblings[0]) if alike or not case else f"{_words(siblings[0])} ({case})"
                rows.append((label, _beside_cells(by_case[case], adaptors, notes)))
    return rows


def _beside_cells(items: Sequence[pytest.Item], adaptors: Sequence[str], notes: _Notes) -> list[str]:
    by_place = {(_adaptor(item), parameters(item)["server"]): item for item in items}
    return [notes.cell(by_place.get((adaptor, server))) for adaptor in adaptors for server in (JAVA, OURS)]
