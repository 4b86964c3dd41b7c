"""The asynchronous client: a connection to one server."""

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
    """A connection to a server. Use it in ``async with``: at the end it is closed, and a server started for it is stopped.

    Attributes:
        release: Name and version of the server, such as ``xenon-server 4.0.0``; only an estimate for a server started elsewhere.
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
        """Call a method that every server has, and find out the release of the server if it is unknown.

        A server in this process is not called; it is only bound to the running event loop if it has none yet. Raises
        :class:`~pyxenon_core.errors.XenonError` if the server does not answer.
        """
        if isinstance(self._endpoint, InProcessEndpoint):
            await self._endpoint.home.call(_nothing)
            return
        await self.filesystems.get_adaptor_names()
        if not self.release:
            self.release = await learn_release(self.channel)

    async def close(self) -> None:
        """Close the connection, and stop the server if it was started for it. Closing twice is not an error."""
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
    """Connect to the server that *target* names, and start it if the target says so.

    Args:
        target: ``embedded:``, ``java:``, ``grpcs://host:port``, ``grpc://localhost:port`` or ``unix:///path``; by default,
            :func:`default_target` decides. An endpoint, such as that of a synchronous session, is a server that is already running.

    Raises:
        TargetError: The target is malformed, or no installed package provides it.
        ServerStartError: The server does not start.
        ServerUnavailableError: No server answers at the target.
    """
    pool = ThreadPoolExecutor(1, "xenon-open")
    opening = pool.submit(_open, target or default_target())
    pool.shutdown(wait=False)
    try:
        endpoint = await asyncio.wrap_future(opening)
        client = Client(open_channel(endpoint), endpoint)
    except BaseException:
        opening.add_done_callback(_close_opened)  # a starting server cannot be stopped half-way: close it once it is up
        raise
    try:
        await client.greet()
    except BaseException:
        await client.close()
        raise
    return client


async def _nothing() -> None:
    """Do nothing; awaited on the server's event loop to see that it runs."""


def _open(target: str | Endpoint) -> Endpoint:
    return open_target(target) if isinstance(target, str) else target


def _close_opened(opening: Future[Endpoint]) -> None:
    if opening.cancelled() or opening.exception() is not None:
        return
    endpoint = opening.result()
    if isinstance(endpoint, GrpcEndpoint):  # a server in this process has not started anything yet
        endpoint.close()


def open_channel(endpoint: Endpoint, blocking: bool = False) -> Channel:
    """Return a channel to *endpoint*: usable from any thread if *blocking* and the endpoint allows it, else bound to the running loop."""
    if isinstance(endpoint, InProcessEndpoint):
        from pyxenon_core.channels.inprocess import InProcessChannel

        return InProcessChannel(endpoint)
    # Imported late: gRPC takes most of the import time, and not every target needs it.
    if blocking:
        from pyxenon_core.channels.blocking import BlockingGrpcChannel

        return BlockingGrpcChannel(endpoint)
    from pyxenon_core.channels.aio import GrpcChannel

    return GrpcChannel(endpoint)


def default_target() -> str:
    """Return the target of the environment variable ``XENON_TARGET``, else ``embedded:`` if that is installed, else ``java:``."""
    schemes = installed_schemes()
    return os.environ.get(TARGET_VARIABLE) or ("embedded:" if "embedded" in schemes else "java:")
