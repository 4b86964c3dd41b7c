"""What a server keeps for its clients: open file systems and schedulers, by the ids that it gave out."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from pyxenon_core.errors import SessionClosedError, Status, XenonError

__all__ = ["Registry"]


class Closable(Protocol):
    """What can be kept: something that is closed in the end."""

    async def close(self) -> None:
        """Give back what it holds."""
        ...


A = TypeVar("A", bound=Closable)

_log = logging.getLogger("xenon.server")


class Registry(Generic[A]):
    """Open adaptors by id.

    Args:
        kind: What they are, as clients know it: ``File system`` or ``Scheduler``.
        closed_error: The exception for an id that is not, or no longer, known.
    """

    def __init__(self, kind: str, closed_error: type[XenonError]) -> None:
        self._kind = kind
        self._closed_error = closed_error
        self._open: dict[str, A] = {}
        self._ended = False

    def add(self, adaptor: A) -> str:
        """Keep *adaptor*, and give the id for it, which nobody can guess. Raises SessionClosedError after :meth:`close_all`."""
        if self._ended:
            raise SessionClosedError(f"the server was closed while it was opening the {self._kind.lower()}")
        identity = str(uuid.uuid4())
        self._open[identity] = adaptor
        return identity

    def get(self, identity: str) -> A:
        """The adaptor with that id; raises the error for a closed one when there is none."""
        try:
            return self._open[identity]
        except KeyError:
            raise self._unknown(identity) from None

    def __contains__(self, identity: str) -> bool:
        return identity in self._open

    def ids(self) -> Iterator[str]:
        """The ids of all that is open, the oldest first."""
        return iter(list(self._open))

    async def close(self, identity: str) -> None:
        """Close an adaptor and forget it; it is forgotten even when closing fails."""
        adaptor = self._open.pop(identity, None)
        if adaptor is None:
            raise self._unknown(identity)
        await adaptor.close()

    async def close_all(self) -> None:
        """Close everything, and take nothing more; what fails is logged, since nobody is left to be told."""
        self._ended = True
        adaptors, self._open = list(self._open.values()), {}
        for outcome in await asyncio.gather(*(adaptor.close() for adaptor in adaptors), return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.warning("closing a %s failed: %s", self._kind.lower(), outcome)

    def _unknown(self, identity: str) -> XenonError:
        return self._closed_error(f"{self._kind} with id: {identity} is not open", status=Status.NOT_FOUND)
