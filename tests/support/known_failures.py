"""What the released server is known to fail at, and how a test that meets such a failure is told from one that meets another.

A folder of tests has its failures in a file ``known_failures.toml`` beside the tests: by adaptor (``server`` where a test has none), then
by test (without ``test_``), perhaps with one of its other parameters in brackets. The words are the server's own or, where it says nothing,
those of the test. A test that is expected to fail is marked ``xfail(strict=True)`` with the words as the reason: when it passes, or fails
with other words, the run fails.

Under ``races`` are, by adaptor, the words of failures that come only now and then, since threads of the server get in each other's way. A
test that meets one of them ends as ``xfail`` with these words; otherwise it has to pass.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyxenon_core.errors import XenonError

__all__ = ["JAVA", "KnownFailureError", "is_ours", "known", "known_case", "mark", "name_of", "parameters", "recognised"]

JAVA = "java"
_FILE = "known_failures.toml"
_EVERYTHING = "everything"
_NO_ADAPTOR = "server"
_RACES = "races"


class KnownFailureError(AssertionError):
    """The server failed in the way that is known."""


def parameters(item: pytest.Item) -> dict[str, Any]:
    """The parameters of a test: ``adaptor`` and, where there are several servers, ``server``."""
    return getattr(getattr(item, "callspec", None), "params", {})


def is_ours(item: pytest.Item) -> bool:
    """Whether a test belongs to a suite that knows failures."""
    return (item.path.parent / _FILE).is_file() and bool({"adaptor", "server"} & set(parameters(item)))


def name_of(item: pytest.Item) -> str:
    """The name of a test, without ``test_`` and without parameters."""
    return item.name.partition("[")[0].removeprefix("test_")


def known(item: pytest.Item) -> str:
    """The words of the failure that is expected; empty where none is."""
    return _entry(item)[1]


def known_case(item: pytest.Item) -> str:
    """The parameter with which alone the failure is expected; empty where it is with all."""
    return _entry(item)[0]


def _entry(item: pytest.Item) -> tuple[str, str]:
    if not is_ours(item) or parameters(item).get("server", JAVA) != JAVA:
        return "", ""
    of_adaptor = _known_in(item.path.parent / _FILE).get(parameters(item).get("adaptor", _NO_ADAPTOR), {})
    for case in item.name.partition("[")[2].removesuffix("]").split("-"):
        if words := of_adaptor.get(f"{name_of(item)}[{case}]"):
            return case, words
    return "", of_adaptor.get(name_of(item), of_adaptor.get(_EVERYTHING, ""))


def mark(item: pytest.Item) -> None:
    """Expect the failure that is known of a test, if there is one."""
    if words := known(item):
        item.add_marker(pytest.mark.xfail(strict=True, reason=words, raises=KnownFailureError))


def recognised(item: pytest.Item) -> Iterator[None]:
    """The rest of a hook around a test or its set-up, which tells the known failure from any other."""
    words = known(item)
    try:
        return (yield)
    except (XenonError, AssertionError, TimeoutError) as error:
        said = " ".join(str(error).split())
        if words and words in said:
            raise KnownFailureError(words) from error
        if race := next((race for race in _races(item) if race in said), ""):
            pytest.xfail(f"now and then: {race}")
        raise


def _races(item: pytest.Item) -> list[str]:
    if not is_ours(item) or parameters(item).get("server", JAVA) != JAVA:
        return []
    races: Any = _known_in(item.path.parent / _FILE).get(_RACES, {})
    return list(races.get(parameters(item).get("adaptor", _NO_ADAPTOR), []))


@functools.cache
def _known_in(path: Path) -> dict[str, dict[str, str]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
