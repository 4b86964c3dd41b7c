"""What the released server can do, adaptor by adaptor: which failures are known, and how they are told in ``docs/compatibility.md``.

A test that is expected to fail is marked ``xfail(strict=True)`` with the server's own words as the reason: when it passes, or fails with
other words, the run fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xenon_core.errors import XenonError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
KNOWN: dict[str, dict[str, str]] = tomllib.loads((HERE / "known_failures.toml").read_text(encoding="utf-8"))
WRITE = "write_compatibility"
FIXTURES = {"sftp": "xenon_ssh"}
EVERYTHING = "everything"
TITLES = {"test_filesystems": "File systems", "test_schedulers": "Schedulers", "test_trust": "Trust in a host"}
INTRODUCTION = """# What the released server can do

<!-- Written by `make compatibility` from tests/compatibility; change the tests or known_failures.toml there instead. -->

Each row is a test, run through this SDK on xenon-grpc 3.0.1 against the server in Docker that `xenon-testing` brings up for the adaptor.
**yes**: it works. A number: it does not, and the note below the table has what the server says, word for word, or what the test saw. Such a
test is expected to fail, strictly: when a server learns to do it, the run of the tests says so.

Two things that no row can show, as they depend on the moment: over `webdav` the server says that a file is written while it still sends it,
so that a second write within milliseconds goes over the first; and its `local` scheduler loses jobs when one scheduler is used from several
threads ([adaptors.rst](adaptors.rst)).
"""


class KnownFailureError(AssertionError):
    """The server failed in the way that is known."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the table."""
    parser.addoption("--write-compatibility", dest=WRITE, metavar="FILE", help="write the table of what the released server can do to FILE")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is known to fail, and write the table if asked."""
    ours = [item for item in items if HERE in item.path.parents and "adaptor" in _parameters(item)]
    for item in ours:
        words = _known(item)
        if words:
            item.add_marker(pytest.mark.xfail(strict=True, reason=words, raises=KnownFailureError))
    # The option is known only where this folder was named on the command line.
    if place := config.getoption(WRITE, None):
        Path(place).write_text(_table(ours), encoding="utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """A file system or scheduler that cannot be created fails the test in its set-up."""
    return (yield from _recognised(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Tell the known failure from any other."""
    return (yield from _recognised(item))


def _recognised(item: pytest.Item) -> Iterator[None]:
    words = _known(item) if "adaptor" in _parameters(item) else ""
    try:
        return (yield)
    except (XenonError, AssertionError, TimeoutError) as error:
        if words and words in " ".join(str(error).split()):
            raise KnownFailureError(words) from error
        raise


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _name(item: pytest.Item) -> str:
    return item.name.partition("[")[0].removeprefix("test_")


def _known(item: pytest.Item) -> str:
    known = KNOWN.get(_parameters(item)["adaptor"], {})
    return known.get(_name(item), known.get(EVERYTHING, ""))


def _table(items: list[pytest.Item]) -> str:
    parts = [INTRODUCTION]
    for module, title in TITLES.items():
        parts.append(_section(title, [item for item in items if item.path.stem == module]))
    return "\n".join(parts)


def _section(title: str, items: list[pytest.Item]) -> str:
    adaptors = list(dict.fromkeys(_parameters(item)["adaptor"] for item in items))
    notes: dict[tuple[str, str], int] = {}
    rows = []
    for name in dict.fromkeys(map(_name, items)):
        of_row = {_parameters(item)["adaptor"]: item for item in items if _name(item) == name}
        cells = [_cell(of_row.get(adaptor), notes) for adaptor in adaptors]
        words: str = next(iter(of_row.values())).function.__doc__  # type: ignore[attr-defined]
        rows.append(f"| {words.strip().rstrip('.')} | {' | '.join(cells)} |")
    head = [f"## {title}", "", f"| | {' | '.join(f'`{adaptor}`' for adaptor in adaptors)} |", f"|---|{'---|' * len(adaptors)}"]
    told = [f"{number}. `{adaptor}`: {words}" for (adaptor, words), number in notes.items()]
    return "\n".join([*head, *rows, "", *told, ""])


def _cell(item: pytest.Item | None, notes: dict[tuple[str, str], int]) -> str:
    if item is None:
        return ""
    words = _known(item)
    if not words:
        return "yes"
    return str(notes.setdefault((_parameters(item)["adaptor"], words), len(notes) + 1))


def server_for(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that *adaptor* reaches."""
    return request.getfixturevalue(FIXTURES.get(adaptor, f"xenon_{adaptor}"))


@pytest.fixture
def server(request: pytest.FixtureRequest, adaptor: str) -> Any:
    """The server in Docker that the adaptor of the test reaches."""
    return server_for(request, adaptor)
