"""The base of file systems and schedulers: an id on the server, valid until they are closed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from pyxenon_core.channels.base import Channel
from pyxenon_core.errors import ProtocolError, SessionClosedError, XenonError
from pyxenon_core.message import Identity

__all__ = ["Closing", "Handle", "first_response", "handle_of", "nothing_in"]

H = TypeVar("H", bound=Identity)
T = TypeVar("T")


class Handle(Generic[H]):
    """An object that the server keeps under an id. Two handles with the same id on the same server are equal."""

    _closed_error: type[XenonError] = XenonError

    def __init__(self, channel: Channel, handle: H) -> None:
        self._channel = channel
        self._handle = handle
        self._closed = False

    @property
    def handle(self) -> H:
        """The id as the server takes it in a request; raises an error once this object is closed."""
        if self._closed:
            raise self._closed_error(f"{type(self).__name__} {self._handle.id!r} was closed by this program")
        return self._handle

    @property
    def id(self) -> str:
        """The id on the server."""
        return self._handle.id

    async def close(self) -> None:
        """Close it on the server; rendered for each kind of handle."""
        raise NotImplementedError

    async def is_open(self) -> bool:
        """Ask the server if it is open; rendered for each kind of handle."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and type(self) is type(other) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._handle.id!r}{' (closed)' if self._closed else ''}>"

    @property
    def _key(self) -> tuple[int, str]:
        return id(self._channel), self._handle.id


class Closing(Handle[H]):
    """A handle that may be closed twice, and is closed at the end of ``async with``."""

    async def close(self) -> None:
        """Close it, and end what it still runs by itself. Closing twice is not an error.

        Raises:
            ServerUnavailableError: The server does not answer.
        """
        if self._closed:
            return
        # Somebody else has closed it or its session already, which is just as well.
        with contextlib.suppress(self._closed_error, SessionClosedError):
            await super().close()
        self._closed = True

    async def is_open(self) -> bool:
        """Return True if it can be used, False once it is closed.

        Raises:
            ServerUnavailableError: The server does not answer.
        """
        if self._closed:
            return False
        try:
            return await super().is_open()
        except (self._closed_error, SessionClosedError):
            return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # An error raised inside the block matters more than a failing close, and must not be hidden by it.
        with contextlib.suppress(XenonError) if error else contextlib.nullcontext():
            await self.close()


def handle_of(value: Handle[H], label: str) -> H:
    """Return the handle message of *value*; raises TypeError naming *label* unless it is a file system or scheduler."""
    if not isinstance(value, Handle):
        raise TypeError(f"{label} must be a file system or scheduler of this client, not {type(value).__name__}")
    return value.handle


def nothing_in(message: str) -> ProtocolError:
    """Return the error for an answer that lacks its content."""
    return ProtocolError(f"the server sent an empty {message}")


async def first_response(responses: AsyncIterator[T], operation: str) -> T:
    """Return the first of *responses*; raises :class:`~pyxenon_core.errors.ProtocolError` if there is none."""
    async for response in responses:
        return response
    raise ProtocolError(f"the server ended {operation} without a response")
