"""Format property defaults for people: ``64K`` as 64 KiB, and 1000 as 1000 ms if the words name that unit."""

from __future__ import annotations

import re

from pyxenon_adaptor_docs.facts import PropertyFacts
from pyxenon_adaptor_docs.rst import escape, literal

NUMBERS = frozenset({"INTEGER", "LONG", "NATURAL", "DOUBLE"})
# Properties with such names are times, whose numbers mean nothing without a unit.
_TIMES = re.compile(r"(?:delay|timeout|time)$", re.IGNORECASE)
_SIZE = re.compile(r"(\d+)([KMGkmg]?)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = ("bytes", "KiB", "MiB", "GiB")


def shown_default(facts: PropertyFacts, unit: str) -> str:
    """Return the default as reStructuredText; *unit* is the unit of a number, or empty. Other values stay unchanged."""
    if facts.type == "SIZE" and (size := _SIZE.fullmatch(facts.default_value)):
        return _unbroken(readable_size(int(size[1]), size[2]))
    if unit and _NUMBER.fullmatch(facts.default_value):
        return _unbroken(f"{facts.default_value} {unit}")
    return literal(facts.default_value)


def _unbroken(text: str) -> str:
    """Return *text* escaped, with non-breaking spaces, so that a narrow column does not separate a number from its unit."""
    return escape(text).replace(" ", "\N{NO-BREAK SPACE}")


def readable_size(count: int, suffix: str) -> str:
    """*count* bytes, or units of the *suffix* ``K``, ``M`` or ``G``, in the largest unit that gives a whole number: ``64 KiB``."""
    power = " KMG".index(suffix.upper() or " ")
    while count and count % 1024 == 0 and power < len(_UNITS) - 1:
        count, power = count // 1024, power + 1
    return f"{count} {_UNITS[power]}"


def needs_unit(facts: PropertyFacts) -> bool:
    """Return True if the property is a time given as a number."""
    return facts.type in NUMBERS and _TIMES.search(facts.name) is not None
