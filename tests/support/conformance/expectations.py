"""What a refusal must say, whichever server it comes from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import attrs

from pyxenon_core.errors import Status
from xenon.exceptions import XenonException

__all__ = ["Refusal", "refused"]


@attrs.define
class Refusal:
    """What came of something that must be refused; *error* is there once it was."""

    error: XenonException = attrs.field(init=False)


@contextlib.contextmanager
def refused(
    *kinds: type[XenonException], adaptor: str | None = None, subject: object = None, status: Status | None = None
) -> Iterator[Refusal]:
    """The body must raise one of *kinds*, with the status that belongs to it, and with what it was about.

    Args:
        kinds: The classes; a class derived from one of them is another one.
        adaptor: The adaptor that must have failed.
        subject: The path, job, queue or name that it must be about.
        status: The gRPC status, where it is not the one that belongs to the class.
    """
    refusal = Refusal()
    try:
        yield refusal
    except XenonException as error:
        if type(error) not in kinds:
            raise AssertionError(f"refused with {type(error).__name__}: {error}") from error
        refusal.error = error
    else:
        raise AssertionError(f"nothing was refused, and {' or '.join(kind.__name__ for kind in kinds)} was expected")
    _check(refusal.error, adaptor, subject, status)


def _check(error: XenonException, adaptor: str | None, subject: object, status: Status | None) -> None:
    wanted = type(error).default_status if status is None else status
    assert error.status == wanted, f"the status is {error.status.name}: {error}"
    assert error.reason.strip(), "there is no reason"
    assert adaptor is None or error.adaptor == adaptor, f"the adaptor is told as {error.adaptor!r}: {error}"
    assert subject is None or error.subject == repr(str(subject)), f"the subject is told as {error.subject}: {error}"
