"""Properties of adaptors, declared once: their validation, their errors and their description all follow from the declaration."""

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
    """A property that an adaptor takes. Made by :func:`boolean`, :func:`natural` and their like.

    Attributes:
        name: The whole name, such as ``xenon.adaptors.filesystems.sftp.agent``.
        kind: The type that its description states.
        default_text: The value that is used when it is not given, as it is written.
        description: One sentence or two for people, with the unit.
        parse: Gives the value of a text, or raises ValueError saying what is expected.
    """

    name: str
    kind: Kind
    default_text: str
    description: str
    parse: Callable[[str], T]

    @property
    def default(self) -> T:
        """The value that is used when it is not given."""
        return self.parse(self.default_text)

    def describe(self) -> PropertyDescription:
        """The message that describes it."""
        return PropertyDescription(name=self.name, description=self.description, default_value=self.default_text, type=self.kind)


def boolean(name: str, default: bool, description: str) -> Property[bool]:
    """A property that is ``true`` or ``false``, in upper or lower case."""
    return Property(name, Kind.BOOLEAN, "true" if default else "false", description, _boolean)


def integer(name: str, default: int, description: str, *, least: int = -(1 << 31), most: int = (1 << 31) - 1) -> Property[int]:
    """A property that is a whole number of 32 bits, from *least* to *most*."""
    return Property(name, Kind.INTEGER, str(default), description, _whole_number(least, most))


def long(name: str, default: int, description: str, *, least: int = -(1 << 63), most: int = (1 << 63) - 1) -> Property[int]:
    """A property that is a whole number of 64 bits, from *least* to *most*."""
    return Property(name, Kind.LONG, str(default), description, _whole_number(least, most))


def natural(name: str, default: int, description: str) -> Property[int]:
    """A property that is a whole number from 0."""
    return Property(name, Kind.NATURAL, str(default), description, _whole_number(0, (1 << 31) - 1))


def size(name: str, default: str, description: str) -> Property[int]:
    """A property that is a number of bytes above 0, in units of 1024, 1024² or 1024³ when ``K``, ``M`` or ``G`` follows."""
    return Property(name, Kind.SIZE, default, description, _size)


def string(name: str, default: str, description: str) -> Property[str]:
    """A property that is any text."""
    return Property(name, Kind.STRING, default, description, str)


class Properties:
    """The properties that were given, checked against those that an adaptor declares."""

    def __init__(self, values: Mapping[Property[Any], Any], given: Mapping[str, str]) -> None:
        self._values = values
        self.given = dict(given)

    @classmethod
    def check(cls, adaptor: str, declared: Iterable[Property[Any]], given: Mapping[str, str]) -> Properties:
        """Parse what was *given*.

        Raises:
            UnknownPropertyException: A name is not declared.
            InvalidPropertyException: A value does not fit the type or the range of its property.
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
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
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
        raise ValueError("it must be a number of bytes above 0, with K, M or G behind it for units of 1024, 1024² or 1024³")
    return int(match[1]) * _UNITS[match[2]]
