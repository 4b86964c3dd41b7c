"""A connection to one server: the start of everything asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pyxenon_core.channels.base import Channel
from pyxenon_core.errors import SessionClosedError
from pyxenon_core.filesystem import FileSystems
from pyxenon_core.release import learn_release
from pyxenon_core.scheduler import Schedulers
from pyxenon_core.targets import Endpoint, GrpcEndpoint, InProcessEndpoint, installed_schemes, open_target

__all__ = ["TARGET_VARIABLE", "Client", "connect", "default_target"]

TARGET_VARIABLE = "XENON_TARGET"


class Client:
    """A server and what it offers. Use it in ``async with``: at the end it is closed, and a server of its own is ended.

    Attributes:
        release: What the server is, such as ``xenon-grpc 3.0.1``; of one that runs elsewhere, at least which methods it has.
        filesystems: Creates, lists and describes file systems.
        schedulers: Creates, lists and describes schedulers.
    """

    def __init__(self, channel: Channel, endpoint: Endpoint) -> None:
        self.channel = channel
        self.filesystems = FileSystems(channel)
        self.schedulers = Schedulers(channel)
        self.release = endpoint.release
        self._endpoint = endpoint

    async def greet(self) -> None:
        """Make a call that every server answers, and learn of which release this one is, if that is not known yet.

        A server in this process is there, and is not asked; whoever begins with it decides on which event loop it is at home. Raises
        :class:`~pyxenon_core.errors.XenonError` when the server does not answer.
        """
        if isinstance(self._endpoint, InProcessEndpoint):
            await self._endpoint.home.call(_nothing)
            return
        await self.filesystems.get_adaptor_names()
        if not self.release:
            self.release = await learn_release(self.channel)

    async def close(self) -> None:
        """Close the connection, and end the server if it was started for it. Closing twice is no error."""
        try:
            await self.channel.close()
        finally:
            await self._end_server()

    async def _end_server(self) -> None:
        if isinstance(self._endpoint, InProcessEndpoint):
            with contextlib.suppress(SessionClosedError):  # the server's event loop has ended, and the server with it
                await self._endpoint.home.call(self._endpoint.aclose)
        elif self.channel.blocking:
            self._endpoint.close()
        else:
            await asyncio.to_thread(self._endpoint.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def connect(target: str | Endpoint | None = None) -> Client:
    """Connect to the server that *target* names, starting it where the target says so.

    Args:
        target: ``embedded:``, ``java:``, ``grpcs://host:port``, ``grpc://localhost:port`` or ``unix:///path``; left out,
            :func:`default_target` decides. An endpoint, such as a synchronous session's, is a server that is ready already.

    Raises:
        TargetError: The target cannot be understood, or nothing installed provides it.
        ServerStartError: The server does not come up.
        ServerUnavailableError: Nothing answers where the target says that a server is running.
    """
    pool = ThreadPoolExecutor(1, "xenon-open")
    opening = pool.submit(_open, target or default_target())
    pool.shutdown(wait=False)
    try:
        endpoint = await asyncio.wrap_future(opening)
        client = Client(open_channel(endpoint), endpoint)
    except BaseException:
        opening.add_done_callback(_close_opened)  # a server that starts cannot be stopped half-way, and nobody waits for it any more
        raise
    try:
        await client.greet()
    except BaseException:
        await client.close()
        raise
    return client


async def _nothing() -> None:
    """All that is asked of a server in this process at first: that its event loop runs."""


def _open(target: str | Endpoint) -> Endpoint:
    return open_target(target) if isinstance(target, str) else target


def _close_opened(opening: Future[Endpoint]) -> None:
    if opening.cancelled() or opening.exception() is not None:
        return
    endpoint = opening.result()
    if isinstance(endpoint, GrpcEndpoint):  # one in this process has not begun anything yet
        endpoint.close()


def open_channel(endpoint: Endpoint, blocking: bool = False) -> Channel:
    """A channel to *endpoint*: driven from any thread if *blocking* and the endpoint allows it, else bound to the running loop."""
    if isinstance(endpoint, InProcessEndpoint):
        from pyxenon_core.channels.inprocess import InProcessChannel

        return InProcessChannel(endpoint)
    # Late, since gRPC is the larger part of the time that an import takes and not every target needs it.
    if blocking:
        from pyxenon_core.channels.blocking import BlockingGrpcChannel

        return BlockingGrpcChannel(endpoint)
    from pyxenon_core.channels.aio import GrpcChannel

    return GrpcChannel(endpoint)


def default_target() -> str:
    """What the environment's ``XENON_TARGET`` says; else the embedded server if it is installed, and the Java one if not."""
    schemes = installed_schemes()
    return os.environ.get(TARGET_VARIABLE) or ("embedded:" if "embedded" in schemes else "java:")
