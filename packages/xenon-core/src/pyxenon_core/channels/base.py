"""The interface of a channel to a server, as the asynchronous API uses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from pyxenon_core.rpc import Rpc

__all__ = ["SECONDS_FOR_AN_ANSWER", "Channel", "note_accepted", "was_accepted"]

SECONDS_FOR_AN_ANSWER = 5.0
_ACCEPTED = "_xenon_accepted"

Request = TypeVar("Request")
Response = TypeVar("Response")


def note_accepted(interrupt: BaseException) -> None:
    """Record in *interrupt* that the server accepted the stream it interrupted."""
    setattr(interrupt, _ACCEPTED, True)


def was_accepted(interrupt: BaseException) -> bool:
    """Return True if the server accepted the stream that *interrupt* interrupted."""
    return getattr(interrupt, _ACCEPTED, False)


class Channel(ABC):
    """A channel to one server.

    Every method raises :class:`~pyxenon_core.errors.XenonError` with its operation and subject filled in, and no other exception of the
    transport. A :attr:`blocking` channel works in the calling thread: its coroutines never suspend, and can be driven without an event
    loop. With an :attr:`all_or_nothing` channel, an exception of a request stream reaches the server as such, so that it never creates a
    file from half the data; with any other channel the server sees a stream that was cut off or has ended.
    """

    blocking: bool = False
    all_or_nothing: bool = False

    @abstractmethod
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Call *rpc* and return its response."""

    @abstractmethod
    def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        """Call *rpc* and yield its responses as they arrive."""

    @abstractmethod
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        """Call *rpc* with a stream of requests. If the stream raises, the call is ended and the exception passed on.

        An interrupt (Ctrl-C, or cancellation of the task) ends the stream regularly. It is passed on once the server has answered or a few
        seconds have passed; :func:`was_accepted` then says whether the server accepted what it had received.
        """

    @abstractmethod
    def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Call *rpc* with a stream of requests and yield its responses; neither side waits for the other."""

    @abstractmethod
    def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        """Call an *rpc* whose responses contain only bytes, and yield them in pieces of any size."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection. Closing twice is not an error."""
