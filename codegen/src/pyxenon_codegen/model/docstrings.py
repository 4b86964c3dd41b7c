"""Pieces of docstrings."""

from __future__ import annotations

__all__ = ["indented", "item"]


def item(name: str, text: str) -> str:
    """Return the line of a section that says of *name* what *text* says."""
    return f"    {name}: {' '.join(text.split())}"


def indented(text: str) -> str:
    """Return *text* with every line that is not empty moved in by four spaces."""
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
