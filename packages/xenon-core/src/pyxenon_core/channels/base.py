"""What the asynchronous API asks of a way to a server."""

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
    """Note in *interrupt* that the server has accepted the stream which it broke off."""
    setattr(interrupt, _ACCEPTED, True)


def was_accepted(interrupt: BaseException) -> bool:
    """Whether the server accepted the stream that *interrupt* broke off."""
    return getattr(interrupt, _ACCEPTED, False)


class Channel(ABC):
    """A way to one server.

    Every method raises :class:`~pyxenon_core.errors.XenonError`, with the operation and what it was about filled in, and nothing else that
    came from the transport. A channel that is :attr:`blocking` does its work in the calling thread: its coroutines never suspend, and can
    be driven without an event loop. Through one that is :attr:`all_or_nothing` a stream of requests that raises reaches the server as just
    that, so that it makes no file of half the data; through any other the server sees a stream that has broken off or ended.
    """

    blocking: bool = False
    all_or_nothing: bool = False

    @abstractmethod
    async def unary_unary(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Call *rpc* and give its one response."""

    @abstractmethod
    def unary_stream(self, rpc: Rpc[Request, Response], request: Request) -> AsyncIterator[Response]:
        """Call *rpc* and give its responses as they come."""

    @abstractmethod
    async def stream_unary(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> Response:
        """Call *rpc* with a stream of requests. When the stream raises, the call is ended and the exception passed on.

        An interrupt (Ctrl-C, or the cancellation of the task) ends the stream in good order, and is passed on once the server has answered
        or a few seconds have passed; :func:`was_accepted` tells of it whether the server took what had come.
        """

    @abstractmethod
    def stream_stream(self, rpc: Rpc[Request, Response], requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Call *rpc*; each request leaves as soon as it is there, each response arrives as soon as it is sent."""

    @abstractmethod
    def byte_stream(self, rpc: Rpc[Request, Any], request: Request) -> AsyncIterator[bytes]:
        """Call an *rpc* whose responses hold nothing but bytes, and give those in pieces of whatever size is at hand."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection. Closing twice is no error."""
