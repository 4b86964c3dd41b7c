"""Pieces of docstrings."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["indented", "item", "section"]


def item(name: str, text: str) -> str:
    """Return the line of a section that says of *name* what *text* says."""
    return f"    {name}: {' '.join(text.split())}"


def section(title: str, items: Iterable[str]) -> str:
    """Return the section *title* of a docstring; empty when it has no *items*."""
    lines = "\n".join(items)
    return f"{title}:\n{lines}" if lines else ""


def indented(text: str) -> str:
    """Return *text* with every line that is not empty moved in by four spaces."""
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
