"""The base of the synchronous file systems and schedulers, and the output stream of an interactive job."""

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
    """A file system or scheduler of a session; :attr:`core` is its asynchronous counterpart."""

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
        """The id on the server."""
        return self._core.id

    def close(self) -> None:
        """Close it; rendered for each kind of handle."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # An error raised inside the block matters more than a failing close, and must not be hidden by it.
        with contextlib.suppress(XenonError) if error else contextlib.nullcontext():
            self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SyncHandle) and self._core == other._core

    def __hash__(self) -> int:
        return hash(self._core)

    def __repr__(self) -> str:
        return repr(self._core)


def core_of(value: SyncHandle[C], label: str) -> C:
    """Return the asynchronous counterpart of *value*; raises TypeError naming *label* unless it is a file system or scheduler."""
    if not isinstance(value, SyncHandle):
        raise TypeError(f"{label} must be a file system or scheduler of this session, not {type(value).__name__}")
    return value.core


class ResponseStream(Iterator[T]):
    """The output of an interactive job, piece by piece as it arrives.

    Read it with ``for``, ``next(stream)`` or ``stream.next()``. At the end of a ``with`` statement it is closed.
    """

    def __init__(self, portal: Portal, responses: AsyncIterator[T]) -> None:
        self._items = portal.iterate(responses)

    def __next__(self) -> T:
        return next(self._items)

    def next(self) -> T:
        """Wait for the next piece and return it; raises StopIteration at the end of the output."""
        return next(self._items)

    def close(self) -> None:
        """Stop reading, which ends the exchange with the job."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
