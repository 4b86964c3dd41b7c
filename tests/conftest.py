"""What the suites about servers share: the failures that are known, and the table of them in ``docs/compatibility.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compatibility_table import table
from known_failures import is_ours, mark, recognised

WRITE = "write_compatibility"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the table."""
    parser.addoption("--write-compatibility", dest=WRITE, metavar="FILE", help="write the table of what the released server can do to FILE")


@pytest.hookimpl(tryfirst=True)  # before -k and the like leave tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is known to fail, and write the table if asked."""
    ours = [item for item in items if is_ours(item)]
    for item in ours:
        mark(item)
    # The option is known only where this folder was named on the command line.
    if place := config.getoption(WRITE, None):
        Path(place).write_text(table(ours), encoding="utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """A file system or scheduler that cannot be created fails the test in its set-up."""
    return (yield from recognised(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Tell the known failure from any other."""
    return (yield from recognised(item))
