"""Conversion between file names, which are bytes on disk, and text, in the same way for this machine and for others.

Nearly all names are UTF-8. In other names, each byte that is not valid UTF-8 is mapped to one character in the range U+EF80 to U+EFFF,
which Unicode reserves for private use, and back. Listings therefore show these names too, and files can be read, copied and deleted by the
name shown. If a name already contains such characters, each of their bytes is mapped in the same way: every name has exactly one text, and
every text in a listing stands for exactly one name.
"""

from __future__ import annotations

import os
import re

__all__ = ["from_bytes", "native", "shown", "to_bytes"]

_SURROGATES, _PRIVATE = 0xDC00, 0xEF00
_SHOWN_OTHERWISE = re.compile("[\udc80-\udcff\uef80-\uefff]")
_TO_SURROGATES = {_PRIVATE + byte: _SURROGATES + byte for byte in range(0x80, 0x100)}


def from_bytes(name: bytes) -> str:
    """Return the text for *name*, which is always encodable as UTF-8."""
    if name.isascii():
        return name.decode("ascii")
    text = name.decode("utf-8", "surrogateescape")
    return _SHOWN_OTHERWISE.sub(_shown, text)


def to_bytes(text: str) -> bytes:
    """Return the name that *text* stands for."""
    if text.isascii():
        return text.encode("ascii")
    return text.translate(_TO_SURROGATES).encode("utf-8", "surrogateescape")


def shown(path: str) -> str:
    """Return the text for *path*, a path on this machine as Python represents it."""
    return path if path.isascii() else from_bytes(os.fsencode(path))


def native(text: str) -> str:
    """Return the path on this machine that *text* stands for, as Python represents it."""
    return text if text.isascii() else os.fsdecode(to_bytes(text))


def _shown(match: re.Match[str]) -> str:
    return "".join(chr(_PRIVATE + byte) for byte in match[0].encode("utf-8", "surrogateescape"))
