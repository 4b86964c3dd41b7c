"""A request that stays in this process is checked as one that is encoded: the same mistakes, in the same words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from pyxenon_core import messages
from pyxenon_core._generated import messages as generated
from pyxenon_core._generated.codec import ENCODERS
from pyxenon_core.checking import check_message
from pyxenon_core.message import Message

# One of each kind that somebody may put into a field, right for some and wrong for most.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 5, -5, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 1.5, object(), PurePosixPath("/a")),
    *("", "text", "a\ud800", b"", b"bytes", bytearray(b"bytes"), memoryview(b"view"), {}, {"a": "b"}, {"a": 5}, {5: "b"}, {"a\ud800": "b"}),
    *([], ["text"], ["text", 5], [True], [2**31], ["a\ud800"], ("text",), [None]),
    *(messages.Job("j"), [messages.Job("j")], [messages.Job("j"), "k"], messages.Job(id=5), {"a": messages.UserCredential()}),  # type: ignore[arg-type]  # a mistake
)
MESSAGES = [kind for kind in (getattr(generated, name) for name in generated.__all__) if issubclass(kind, Message)]


def _attempts(kind: type[Any]) -> Iterator[Any]:
    """Messages of *kind* with each value in each field, and with any two of its fields set."""
    fields = dataclasses.fields(kind)
    for field in fields:
        yield from (kind(**{field.name: value}) for value in VALUES if not _is_refused_by(kind, field.name, value))
    yield from (_filled(kind, first.name, second.name) for first in fields for second in fields)


def _is_refused_by(kind: type[Any], name: str, value: Any) -> bool:
    """Return True if the constructor itself refuses the value."""
    try:
        kind(**{name: value})
    except (TypeError, ValueError):
        return True
    return False


def _filled(kind: type[Any], *names: str) -> Any:
    message = kind()
    for name in names:
        inner = kind._betterproto.cls_by_field[name]
        if getattr(message, name) is None:
            setattr(message, name, inner() if isinstance(inner, type) else None)
    return message


def _outcome(check: Any, *arguments: Any) -> str:
    try:
        check(*arguments)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "well"


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_check_finds_what_encoding_finds(kind: type[Any]) -> None:
    for message in _attempts(kind):
        assert _outcome(check_message, message, kind) == _outcome(ENCODERS[kind], message), message


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_of_another_kind_is_refused(kind: type[Any]) -> None:
    for wrong in (None, "text", messages.Empty(), messages.Job("j")):
        assert _outcome(check_message, wrong, kind) == _outcome(ENCODERS[kind], wrong)


def test_a_mistake_deep_inside_is_named_where_it_is() -> None:
    password: Any = messages.PasswordCredential("me", 5)  # type: ignore[arg-type]  # the mistake under test
    request = messages.CreateFileSystemRequest(
        "sftp", credential_map=messages.CredentialMap({"a": messages.UserCredential(password_credential=password)})
    )
    expected = "TypeError: PasswordCredential.password must be a str, not int"
    assert _outcome(check_message, request, messages.CreateFileSystemRequest) == expected == _outcome(ENCODERS[type(request)], request)
