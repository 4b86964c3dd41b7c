"""What the synchronous file systems and schedulers have in common, and the stream of a conversation with a job."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pyxenon.portal import Portal
from pyxenon.session import Session
from pyxenon_core.errors import XenonError
from pyxenon_core.handle import Handle

__all__ = ["ResponseStream", "SyncHandle", "core_of"]

C = TypeVar("C", bound=Handle[Any])
T = TypeVar("T")


class SyncHandle(Generic[C]):
    """A file system or scheduler of a session, over its asynchronous twin :attr:`core`."""

    def __init__(self, session: Session, core: C) -> None:
        self._session = session
        self._portal = session.portal
        self._core = core

    @property
    def core(self) -> C:
        """The asynchronous object that does the work."""
        return self._core

    @property
    def id(self) -> str:
        """The id under which the server knows it."""
        return self._core.id

    def close(self) -> None:
        """Close it; rendered for each kind of handle."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # What went wrong inside is what matters; that the server is gone would only cover it up.
        with contextlib.suppress(XenonError) if error else contextlib.nullcontext():
            self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SyncHandle) and self._core == other._core

    def __hash__(self) -> int:
        return hash(self._core)

    def __repr__(self) -> str:
        return repr(self._core)


def core_of(value: SyncHandle[C], label: str) -> C:
    """The asynchronous twin of *value*; raises TypeError naming *label* for anything but a file system or scheduler."""
    if not isinstance(value, SyncHandle):
        raise TypeError(f"{label} must be a file system or scheduler of this session, not {type(value).__name__}")
    return value.core


class ResponseStream(Iterator[T]):
    """What a job says, piece by piece as it comes.

    Answers ``next(stream)`` and ``stream.next()``; in a ``with`` statement it is closed at the end.
    """

    def __init__(self, portal: Portal, responses: AsyncIterator[T]) -> None:
        self._items = portal.iterate(responses)

    def __next__(self) -> T:
        return next(self._items)

    def next(self) -> T:
        """The next piece, waiting for it; raises StopIteration when the job has said its last."""
        return next(self._items)

    def close(self) -> None:
        """Stop listening, which ends the conversation."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
