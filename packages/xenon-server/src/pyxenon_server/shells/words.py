"""Quote words for a POSIX shell and name signals."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from signal import Signals

from pyxenon_core.errors import IllegalArgumentException

__all__ = ["command_line", "quote", "signal_name"]


def quote(text: str) -> str:
    """Quote *text* as one word of a POSIX shell. Raises IllegalArgumentException if it contains a null character."""
    if "\0" in text:
        raise IllegalArgumentException(f"{text!r} contains a null character, which is not allowed in an argument, name or path")
    return shlex.quote(text)


def command_line(words: Iterable[str]) -> str:
    """Quote and join a command and its arguments into one line of a POSIX shell."""
    return " ".join(quote(word) for word in words)


def signal_name(number: int) -> str:
    """Return a signal's name without SIG, or its number if it has no name, like most real-time signals."""
    try:
        return Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
