"""Job arrays: their elements, and the element lists that batch systems print."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ArraySpec", "covers"]

_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?", re.ASCII)


@dataclass(frozen=True)
class ArraySpec:
    """The elements of an array: from *first* to *last* in steps of *step*. At most *at_once* run at a time; 0 means no limit.

    Raises ValueError for an array without elements or with a negative number.
    """

    first: int
    last: int
    step: int = 1
    at_once: int = 0

    def __post_init__(self) -> None:
        if self.first < 0 or self.last < self.first or self.step < 1 or self.at_once < 0:
            raise ValueError(f"invalid array: from {self.first} to {self.last} in steps of {self.step}, {self.at_once} at once")


def covers(tasks: str, index: str) -> bool:
    """Return True if the element list *tasks*, such as ``1,5-20:5%2``, contains the element *index*."""
    for part in tasks.partition("%")[0].strip("[]").split(","):
        match = _RANGE.fullmatch(part)
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            if int(index) in range(first, last + 1, int(match[3] or 1)):
                return True
    return False
