"""Convert plain values to reStructuredText: escaping, headings, wrapping and tables."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_SAFE_LITERAL = re.compile(r"[^\s`\\]+(?: [^\s`\\]+)*")
_EMPTY = "*(empty)*"


def visible(text: str) -> str:
    """Return *text* as one visible line: runs of white space become one space, and characters without a glyph their code, ``\\x00``."""
    return " ".join("".join(_glyph(character) for character in text).split())


def literal(text: str) -> str:
    """Return :func:`visible` *text* as an inline literal, whatever it contains; *(empty)* if nothing is visible."""
    shown = visible(text)
    if not shown:
        return _EMPTY
    if _SAFE_LITERAL.fullmatch(shown):
        return f"``{shown}``"
    # The inline form cannot hold a backquote or a final backslash; the role can, because it takes escapes.
    return f":literal:`{escape(shown)}`"


def escape(text: str) -> str:
    """Return :func:`visible` *text* with all markup escaped, for running text, headings and cells. Empty stays empty."""
    shown = visible(text)
    if _PLAIN.fullmatch(shown):
        return shown
    escaped = "".join(character if character.isalnum() or character == " " else f"\\{character}" for character in shown)
    # A line of only backslashes would be a transition; an escaped space renders as nothing, but prevents that.
    return f"\\ {escaped}" if shown and not shown.strip("\\") else escaped


def heading(markup: str, underline: str) -> str:
    """Return the heading *markup* (one line of reStructuredText) above a line of *underline* characters."""
    return f"{markup}\n{underline * _columns(markup)}"


def wrap(markup: str, indent: int = 0) -> str:
    """Return *markup* (paragraphs separated by empty lines) filled to :data:`WIDTH` columns, later lines indented by *indent* columns."""
    paragraphs = [_fill(paragraph, WIDTH - indent) for paragraph in re.split(r"\n\s*\n", markup.strip())]
    return textwrap.indent("\n\n".join(paragraphs), " " * indent).lstrip()


def simple_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a simple table of *rows* under *header*; each cell is one line of reStructuredText.

    Raises :class:`ValueError` for a row of another length than the header's, and for an empty first cell, which would read as a
    continuation of the row above.
    """
    lines = [header, *rows]
    if any(len(line) != len(header) or not line[0] for line in lines):
        raise ValueError(f"every row of a table must have {len(header)} cells, the first not empty")
    widths = [max(_columns(line[column]) for line in lines) for column in range(len(header))]
    border = "  ".join("=" * width for width in widths)
    body = [_row(line, widths) for line in lines]
    return "\n".join([border, body[0], border, *body[1:], border])


def _glyph(character: str) -> str:
    if character.isspace() or not unicodedata.category(character).startswith("C"):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _fill(paragraph: str, width: int) -> str:
    return textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _columns(text: str) -> int:
    """Return the width as reStructuredText counts it: no column for a combining character, two for a wide East Asian one."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text if not unicodedata.combining(character))
