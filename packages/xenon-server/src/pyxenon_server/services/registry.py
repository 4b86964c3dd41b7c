"""The open file systems and schedulers of a server's clients, by id."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from pyxenon_core.errors import SessionClosedError, Status, XenonError

__all__ = ["Registry"]


class Closable(Protocol):
    """An object that can be registered."""

    async def close(self) -> None:
        """Release its resources."""
        ...


A = TypeVar("A", bound=Closable)

_log = logging.getLogger("xenon.server")


class Registry(Generic[A]):
    """Open adaptors by id.

    Args:
        kind: The kind of adaptor, for error messages: ``File system`` or ``Scheduler``.
        closed_error: The exception for an id that is unknown or closed.
    """

    def __init__(self, kind: str, closed_error: type[XenonError]) -> None:
        self._kind = kind
        self._closed_error = closed_error
        self._open: dict[str, A] = {}
        self._ended = False

    def add(self, adaptor: A) -> str:
        """Register *adaptor* and return its id, which nobody can guess. Raises SessionClosedError after :meth:`close_all`."""
        if self._ended:
            raise SessionClosedError(f"the server was closed while it was opening the {self._kind.lower()}")
        identity = str(uuid.uuid4())
        self._open[identity] = adaptor
        return identity

    def get(self, identity: str) -> A:
        """Return the adaptor with the id *identity*; raises the error for closed adaptors if there is none."""
        try:
            return self._open[identity]
        except KeyError:
            raise self._unknown(identity) from None

    def __contains__(self, identity: str) -> bool:
        return identity in self._open

    def ids(self) -> Iterator[str]:
        """Return the ids of all open adaptors, oldest first."""
        return iter(list(self._open))

    async def close(self, identity: str) -> None:
        """Close and remove an adaptor; it is removed even if closing fails."""
        adaptor = self._open.pop(identity, None)
        if adaptor is None:
            raise self._unknown(identity)
        await adaptor.close()

    async def close_all(self) -> None:
        """Close all adaptors and accept no more. Failures are logged, since no client is left to report them to."""
        self._ended = True
        adaptors, self._open = list(self._open.values()), {}
        for outcome in await asyncio.gather(*(adaptor.close() for adaptor in adaptors), return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.warning("closing a %s failed: %s", self._kind.lower(), outcome)

    def _unknown(self, identity: str) -> XenonError:
        return self._closed_error(f"{self._kind} with id: {identity} is not open", status=Status.NOT_FOUND)
