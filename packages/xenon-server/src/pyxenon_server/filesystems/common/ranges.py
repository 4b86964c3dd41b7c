"""Ranges of the bytes of a file, as callers give them and as file systems take them."""

from __future__ import annotations

__all__ = ["bounds"]

_LARGEST = (1 << 63) - 1  # bytes; systems and protocols have no larger offset


def bounds(offset: int, length: int | None, size: int) -> tuple[int, int]:
    """Return where the range begins, and before which byte it ends. A negative *offset* counts from *size*.

    Neither is more than an offset can be; a range that has no end ends there.
    """
    begin = min(offset if offset >= 0 else max(0, size + offset), _LARGEST)
    return begin, _LARGEST if length is None else min(begin + length, _LARGEST)
