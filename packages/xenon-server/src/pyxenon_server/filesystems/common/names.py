"""Names of files, which are bytes where they are and text here, in the same way on this machine and on others.

Nearly all are UTF-8. So that a listing shows the others too, and that they can be read, copied and deleted by the name that it shows,
each of their bytes that is no UTF-8 becomes one character of the range U+EF80 to U+EFFF, which Unicode leaves to private use, and back. A
name that has such characters itself is shown with each of their bytes so: every name has one text, every text of a listing one name.
"""

from __future__ import annotations

import os
import re

__all__ = ["from_bytes", "native", "shown", "to_bytes"]

_SURROGATES, _PRIVATE = 0xDC00, 0xEF00
_SHOWN_OTHERWISE = re.compile("[\udc80-\udcff\uef80-\uefff]")
_TO_SURROGATES = {_PRIVATE + byte: _SURROGATES + byte for byte in range(0x80, 0x100)}


def from_bytes(name: bytes) -> str:
    """The text for *name*, which UTF-8 can hold."""
    if name.isascii():
        return name.decode("ascii")
    text = name.decode("utf-8", "surrogateescape")
    return _SHOWN_OTHERWISE.sub(_shown, text)


def to_bytes(text: str) -> bytes:
    """The name that *text* stands for."""
    if text.isascii():
        return text.encode("ascii")
    return text.translate(_TO_SURROGATES).encode("utf-8", "surrogateescape")


def shown(path: str) -> str:
    """The text for *path*, which is as Python has it of this machine's own files."""
    return path if path.isascii() else from_bytes(os.fsencode(path))


def native(text: str) -> str:
    """The path on this machine that *text* stands for, as Python takes it."""
    return text if text.isascii() else os.fsdecode(to_bytes(text))


def _shown(match: re.Match[str]) -> str:
    return "".join(chr(_PRIVATE + byte) for byte in match[0].encode("utf-8", "surrogateescape"))
