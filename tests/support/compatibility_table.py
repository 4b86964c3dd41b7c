"""The tables of ``docs/compatibility.md``, made of the tests and of the failures that are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from known_failures import JAVA, known, known_case, name_of, parameters

__all__ = ["table"]

RELEASED = {"test_filesystems": "File systems", "test_schedulers": "Schedulers", "test_trust": "Trust in a host"}
INTRODUCTION = """# What the released server can do

<!-- Written by `make compatibility` from tests/compatibility and tests/conformance: change the tests there, or known_failures.toml. -->

Each row is a test, run through this SDK on xenon-grpc 3.0.1 against the server in Docker that `xenon-testing` brings up for the adaptor.
**yes**: it works. A number: it does not, and the note below the table has what the server says, word for word, or what the test saw. Such a
test is expected to fail, strictly: when a server learns to do it, the run of the tests says so.

Two things that no row can show, as they depend on the moment: over `webdav` the server says that a file is written while it still sends it,
so that a second write within milliseconds goes over the first; and its `local` scheduler loses jobs when one scheduler is used from several
threads ([adaptors.rst](adaptors.rst)).
"""
BESIDE = """## Beside the embedded server

The suite in `tests/conformance` holds the interface, RPC by RPC and with its errors, on the embedded server, on `xenon-server` over a port
with mutual TLS, and on xenon-grpc 3.0.1. On {agreed} tests the servers agree; here is where they part. The embedded server and
`xenon-server` pass every test: a failure of theirs is a fault to mend, and is expected nowhere.
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
    """The words below a table, each with its number; where *apart* is set, those of each adaptor for themselves."""

    def __init__(self, apart: bool) -> None:
        self._apart = apart
        self._numbers: dict[tuple[str, str], int] = {}

    def cell(self, item: pytest.Item | None) -> str:
        """What the cell of a test says."""
        if item is None:
            return ""
        words = known(item)
        key = (_adaptor(item) if self._apart else "", words)
        return str(self._numbers.setdefault(key, len(self._numbers) + 1)) if words else "yes"

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
    notes = _Notes(apart=True)
    rows = []
    for name in dict.fromkeys(map(name_of, items)):
        of_row = {_adaptor(item): item for item in items if name_of(item) == name}
        rows.append((_words(next(iter(of_row.values()))), [notes.cell(of_row.get(adaptor)) for adaptor in adaptors]))
    return _page(title, [f"`{adaptor}`" for adaptor in adaptors], rows, notes)


def _beside_section(title: str, items: Sequence[pytest.Item]) -> str:
    adaptors = list(dict.fromkeys(map(_adaptor, items)))
    notes = _Notes(apart=False)
    ours = "embedded" if any(parameters(item)["server"] == "embedded" for item in items) else "xenon-server"
    columns = [f"{f'`{adaptor}`, ' if adaptor else ''}{server}" for adaptor in adaptors for server in ("xenon-grpc", ours)]
    return _page(title, columns, _beside_rows(items, adaptors, notes), notes)


def _beside_rows(items: Sequence[pytest.Item], adaptors: Sequence[str], notes: _Notes) -> list[tuple[str, list[str]]]:
    """A row for each test, or each case of one, on which the servers part."""
    rows = []
    for name in dict.fromkeys(map(name_of, items)):
        siblings = [item for item in items if name_of(item) == name]
        for case in dict.fromkeys(known_case(item) for item in siblings if known(item)):
            label = f"{_words(siblings[0])} ({case})" if case else _words(siblings[0])
            rows.append((label, _beside_cells(siblings, case, adaptors, notes)))
    return rows


def _beside_cells(items: Sequence[pytest.Item], case: str, adaptors: Sequence[str], notes: _Notes) -> list[str]:
    cells = []
    for adaptor in adaptors:
        for released in (True, False):
            here = [item for item in items if _adaptor(item) == adaptor and (parameters(item)["server"] == JAVA) is released]
            failing = [item for item in here if known(item) and known_case(item) == case]
            cells.append(notes.cell(next(iter(failing or here), None)) if failing or not here else "yes")
    return cells
