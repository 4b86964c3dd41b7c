"""Properties of adaptors, declared once: validation, errors and descriptions are derived from the declaration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pyxenon_core.errors import InvalidPropertyException, UnknownPropertyException
from pyxenon_core.messages import PropertyDescription
from pyxenon_core.messages import PropertyDescriptionType as Kind

__all__ = ["Properties", "Property", "boolean", "integer", "long", "natural", "size", "string"]

T = TypeVar("T")

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"(\d{1,18})([KMG]?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,20}", re.ASCII)


@dataclass(frozen=True)
class Property(Generic[T]):
    """A property that an adaptor accepts. Create one with :func:`boolean`, :func:`natural` and similar functions.

    Attributes:
        name: The full name, such as ``xenon.adaptors.filesystems.sftp.agent``.
        kind: The type given in its description.
        default_text: The default value, as text.
        description: One or two sentences for users, with the unit.
        parse: Converts a text to the value, or raises ValueError saying what is expected.
    """

    name: str
    kind: Kind
    default_text: str
    description: str
    parse: Callable[[str], T]

    @property
    def default(self) -> T:
        """The default value."""
        return self.parse(self.default_text)

    def describe(self) -> PropertyDescription:
        """Return the property's description."""
        return PropertyDescription(name=self.name, description=self.description, default_value=self.default_text, type=self.kind)


def boolean(name: str, default: bool, description: str) -> Property[bool]:
    """Declare a property that is ``true`` or ``false``, in upper or lower case."""
    return Property(name, Kind.BOOLEAN, "true" if default else "false", description, _boolean)


def integer(name: str, default: int, description: str, *, least: int = -(1 << 31), most: int = (1 << 31) - 1) -> Property[int]:
    """Declare a property that is a 32-bit integer from *least* to *most*."""
    return Property(name, Kind.INTEGER, str(default), description, _whole_number(least, most))


def long(name: str, default: int, description: str, *, least: int = -(1 << 63), most: int = (1 << 63) - 1) -> Property[int]:
    """Declare a property that is a 64-bit integer from *least* to *most*."""
    return Property(name, Kind.LONG, str(default), description, _whole_number(least, most))


def natural(name: str, default: int, description: str) -> Property[int]:
    """Declare a property that is an integer of at least 0."""
    return Property(name, Kind.NATURAL, str(default), description, _whole_number(0, (1 << 31) - 1))


def size(name: str, default: str, description: str) -> Property[int]:
    """Declare a property that is a positive number of bytes, with an optional ``K``, ``M`` or ``G`` for units of 1024, 1024² or 1024³."""
    return Property(name, Kind.SIZE, default, description, _size)


def string(name: str, default: str, description: str) -> Property[str]:
    """Declare a property that is any text."""
    return Property(name, Kind.STRING, default, description, str)


class Properties:
    """The properties of a request, checked against the adaptor's declarations."""

    def __init__(self, values: Mapping[Property[Any], Any], given: Mapping[str, str]) -> None:
        self._values = values
        self.given = dict(given)

    @classmethod
    def check(cls, adaptor: str, declared: Iterable[Property[Any]], given: Mapping[str, str]) -> Properties:
        """Parse the *given* properties.

        Raises:
            UnknownPropertyException: A name is not declared.
            InvalidPropertyException: A value does not match its property's type or range.
        """
        known = {item.name: item for item in declared}
        for name in given:
            if name not in known:
                raise _unknown(adaptor, name, known)
        return cls({item: _parse(adaptor, item, given.get(item.name, item.default_text)) for item in known.values()}, given)

    def __getitem__(self, item: Property[T]) -> T:
        value: T = self._values[item]
        return value


def _parse(adaptor: str, item: Property[T], text: str) -> T:
    try:
        return item.parse(text)
    except ValueError as error:
        reason = f"the property {item.name} cannot be {text!r}: {error}"
        raise InvalidPropertyException(reason, adaptor=adaptor) from None


def _unknown(adaptor: str, name: str, known: Mapping[str, Property[Any]]) -> UnknownPropertyException:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else f"available: {', '.join(known) or 'none'}"
    return UnknownPropertyException(f"there is no property {name}; {hint}", adaptor=adaptor)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it must be true or false")
    return text.lower() == "true"


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match or not int(match[1]):
        raise ValueError("it must be a positive number of bytes, with an optional K, M or G for units of 1024, 1024² or 1024³")
    return int(match[1]) * _UNITS[match[2]]
