"""Properties: each type, its range, its errors and its description, from one declaration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidPropertyException, UnknownPropertyException
from pyxenon_core.messages import PropertyDescriptionType as Kind
from pyxenon_server.adaptors.properties import Properties, Property, boolean, integer, long, natural, size, string

FLAG = boolean("x.flag", True, "A flag.")
COUNT = integer("x.count", 4, "A count.", least=1, most=8)
LONG = long("x.long", 1000, "Milliseconds.")
NATURAL = natural("x.natural", 0, "A number.")
SIZE = size("x.bufferSize", "64K", "Bytes.")
TEXT = string("x.text", "word", "A text.")
ALL: list[Property[Any]] = [FLAG, COUNT, LONG, NATURAL, SIZE, TEXT]


def parsed(item: Property[Any], text: str) -> Any:
    return Properties.check("some", ALL, {item.name: text})[item]


@pytest.mark.parametrize(
    ("item", "text", "value"),
    [
        (FLAG, "true", True),
        (FLAG, "FALSE", False),
        (COUNT, "1", 1),
        (COUNT, "+8", 8),
        (LONG, "-9223372036854775808", -(1 << 63)),
        (LONG, "9223372036854775807", (1 << 63) - 1),
        (NATURAL, "0", 0),
        (NATURAL, "2147483647", (1 << 31) - 1),
        (SIZE, "1", 1),
        (SIZE, "64K", 65536),
        (SIZE, "2M", 2 << 20),
        (SIZE, "3G", 3 << 30),
        (TEXT, "", ""),
        (TEXT, " any thing ", " any thing "),
    ],
)
def test_a_value(item: Property[Any], text: str, value: object) -> None:
    found = parsed(item, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("item", "text"),
    [(FLAG, text) for text in ("", "yes", "1", " true")]
    + [(COUNT, text) for text in ("", "0", "9", "1.0", "one", " 1", "1 ", "1_0", "٣", "--1", "9" * 5000)]
    + [(LONG, "9223372036854775808"), (LONG, "1e3"), (NATURAL, "-1"), (NATURAL, "2147483648")]
    + [(SIZE, text) for text in ("", "0", "0K", "-1", "K", "1KB", "1k ", "1T", "1.5M", "64 K", "٣K")],
)
def test_a_value_that_does_not_fit(item: Property[Any], text: str) -> None:
    with pytest.raises(InvalidPropertyException, match=item.name) as caught:
        parsed(item, text)
    assert caught.value.adaptor == "some"
    assert "it must be" in caught.value.reason


@given(st.text())
def test_no_text_breaks_the_parsing(text: str) -> None:
    for item in ALL[:-1]:
        try:
            assert isinstance(parsed(item, text), int)
        except InvalidPropertyException as error:
            assert repr(text) in error.reason


@given(st.integers(-(1 << 65), 1 << 65))
def test_a_number_is_taken_if_it_is_in_range(number: int) -> None:
    if -(1 << 63) <= number < 1 << 63:
        assert parsed(LONG, str(number)) == number
    else:
        with pytest.raises(InvalidPropertyException):
            parsed(LONG, str(number))


def test_an_unknown_name_with_what_may_be_meant() -> None:
    with pytest.raises(UnknownPropertyException, match=r"no property x\.cuont; did you mean x\.count\?"):
        Properties.check("some", ALL, {"x.cuont": "1"})
    with pytest.raises(UnknownPropertyException, match=r"available: x\.flag, x\.count"):
        Properties.check("some", ALL, {"entirely else": "1"})
    with pytest.raises(UnknownPropertyException, match="available: none"):
        Properties.check("some", [], {"a": "b"})


def test_defaults_and_what_was_given() -> None:
    given_ones = {"x.count": "7"}
    found = Properties.check("some", ALL, given_ones)
    given_ones["x.count"] = "1"
    assert [found[item] for item in ALL] == [True, 7, 1000, 0, 65536, "word"]
    assert found.given == {"x.count": "7"}
    assert [item.default for item in ALL] == [True, 4, 1000, 0, 65536, "word"]


def test_descriptions() -> None:
    kinds = [Kind.BOOLEAN, Kind.INTEGER, Kind.LONG, Kind.NATURAL, Kind.SIZE, Kind.STRING]
    for item, kind, default in zip(ALL, kinds, ["true", "4", "1000", "0", "64K", "word"], strict=True):
        described = item.describe()
        assert (described.name, described.type, described.default_value) == (item.name, kind, default)
        assert described.description == item.description
