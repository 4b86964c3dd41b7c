"""The defaults of properties as a person reads them: ``64K`` is 64 KiB, and 1000 is 1000 ms where the words name that unit."""

from __future__ import annotations

import re

from pyxenon_adaptor_docs.facts import PropertyFacts
from pyxenon_adaptor_docs.rst import escape, literal

NUMBERS = frozenset({"INTEGER", "LONG", "NATURAL", "DOUBLE"})
# What is named like this is a time, and a number without its unit says nothing.
_TIMES = re.compile(r"(?:delay|timeout|time)$", re.IGNORECASE)
_SIZE = re.compile(r"(\d+)([KMGkmg]?)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = ("bytes", "KiB", "MiB", "GiB")


def shown_default(facts: PropertyFacts, unit: str) -> str:
    """The default as reStructuredText; *unit* is that of a number, or empty. What is neither size nor number stays as the server has it."""
    if facts.type == "SIZE" and (size := _SIZE.fullmatch(facts.default_value)):
        return _unbroken(readable_size(int(size[1]), size[2]))
    if unit and _NUMBER.fullmatch(facts.default_value):
        return _unbroken(f"{facts.default_value} {unit}")
    return literal(facts.default_value)


def _unbroken(text: str) -> str:
    """*text* escaped, with spaces at which a narrow column does not part a number from its unit."""
    return escape(text).replace(" ", "\N{NO-BREAK SPACE}")


def readable_size(count: int, suffix: str) -> str:
    """*count* bytes, or units of the *suffix* ``K``, ``M`` or ``G``, in the largest unit of which there is a whole number: ``64 KiB``."""
    power = " KMG".index(suffix.upper() or " ")
    while count and count % 1024 == 0 and power < len(_UNITS) - 1:
        count, power = count // 1024, power + 1
    return f"{count} {_UNITS[power]}"


def needs_unit(facts: PropertyFacts) -> bool:
    """Whether the property is a time told as a number."""
    return facts.type in NUMBERS and _TIMES.search(facts.name) is not None
