"""The table of ``xenon-testing list``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pyxenon_testing.servers.listing import Row

__all__ = ["print_table", "short_age"]

# Without a terminal nothing is wrapped: one line for each server, for grep and awk.
WIDTH_OF_A_PIPE = 1000
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def print_table(rows: Sequence[Row]) -> None:
    """Print *rows* on standard output, as wide as the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_PIPE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("NAME", "KIND", "SUITE", "WHERE", "AGE", "OWNER"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.kind, row.suite, row.where, short_age(row.age), row.owner)
    console.print(table)


def short_age(seconds: float) -> str:
    """Return *seconds* in the largest unit that gives at least 1, such as ``5 min``."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
