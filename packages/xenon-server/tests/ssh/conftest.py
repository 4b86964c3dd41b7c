"""What the tests of SSH share: asynchronous tests, a home with known hosts, and links to the server in Docker."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_server.shells.ssh import SshShell
from pyxenon_server.ssh.connections import SshConnections, SshLink
from pyxenon_server.ssh.settings import SshSettings
from pyxenon_testing import SshServer

SECONDS_FOR_A_TEST = 120


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test in an event loop of its own, and see to it that it leaves no task behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def run() -> None:
        await asyncio.wait_for(pyfuncitem.obj(**arguments), SECONDS_FOR_A_TEST)
        await asyncio.sleep(0.02)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left running: {left}"

    asyncio.run(run())
    return True


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def home(tmp_path: Path, xenon_ssh: SshServer) -> Path:
    """A home folder in which the server is known."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True, mode=0o700)
    (folder / ".ssh" / "known_hosts").write_text(xenon_ssh.known_hosts, encoding="ascii")
    return folder


Connect = Callable[..., AbstractAsyncContextManager[SshLink]]
ShellOn = Callable[..., AbstractAsyncContextManager[SshShell]]


@pytest.fixture
def connect(home: Path, xenon_ssh: SshServer) -> Connect:
    """Open a link to the server, or to another *place*, with connections of its own, or with those that are given."""

    @contextlib.asynccontextmanager
    async def link(
        credential: Any = None, place: SshLocation | None = None, connections: SshConnections | None = None, **settings: Any
    ) -> AsyncIterator[SshLink]:
        pool = connections or SshConnections(home)
        try:
            chosen = xenon_ssh.certificate_credential if credential is None else credential
            opened = await pool.open("ssh", place or location(xenon_ssh), chosen, SshSettings(**{"load_ssh_config": False, **settings}))
            try:
                yield opened
            finally:
                await opened.close()
        finally:
            if connections is None:
                await pool.close()

    return link


@pytest.fixture
def shell(connect: Connect) -> ShellOn:
    """As *connect*, with a shell on the link."""

    @contextlib.asynccontextmanager
    async def open_shell(*arguments: Any, **options: Any) -> AsyncIterator[SshShell]:
        async with connect(*arguments, **options) as link:
            yield SshShell(link)

    return open_shell


def location(server: SshServer) -> SshLocation:
    """Where *server* is."""
    return SshLocation(HostPort(server.host, server.port))
