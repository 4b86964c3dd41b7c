"""Convert byte ranges from the callers' form to the file systems' form."""

from __future__ import annotations

__all__ = ["bounds"]

_LARGEST = (1 << 63) - 1  # bytes; the largest offset in systems and protocols


def bounds(offset: int, length: int | None, size: int) -> tuple[int, int]:
    """Return the start and the exclusive end of a range. A negative *offset* counts from *size*.

    Both are limited to the largest possible offset, which is also the end of an open range.
    """
    begin = min(offset if offset >= 0 else max(0, size + offset), _LARGEST)
    return begin, _LARGEST if length is None else min(begin + length, _LARGEST)
