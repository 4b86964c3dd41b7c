"""The words of a POSIX shell, as text alone: nothing here runs anything."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from signal import Signals

from pyxenon_core.errors import IllegalArgumentException

__all__ = ["command_line", "quote", "signal_name"]


def quote(text: str) -> str:
    """*text* as one word of a POSIX shell; raises IllegalArgumentException for a null character, which no word can hold."""
    if "\0" in text:
        raise IllegalArgumentException(f"{text!r} holds a null character, which no argument, name or path can hold")
    return shlex.quote(text)


def command_line(words: Iterable[str]) -> str:
    """A command and its arguments as one line of a POSIX shell."""
    return " ".join(quote(word) for word in words)


def signal_name(number: int) -> str:
    """The name of a signal, without SIG; its number for one that has no name, such as most real-time signals."""
    try:
        return Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
