"""What the tests of SFTP share: asynchronous tests, file systems on real servers, and folders on them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_server.filesystems.sftp.messages import Open
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_testing import SshServer

SECONDS_FOR_A_TEST = 120
PREFIX = "xenon.adaptors.filesystems.sftp."

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]


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


@pytest.fixture
def open_sftp(tmp_path: Path, xenon_ssh: SshServer) -> OpenSftp:
    """Open the files of ``xenon_ssh``, or of another *server*, at *workdir*, with *properties* by the last part of their names."""

    @contextlib.asynccontextmanager
    async def opened(server: SshServer | None = None, workdir: str = "", **properties: str) -> AsyncIterator[SftpFileSystem]:
        chosen = server or xenon_ssh
        (tmp_path / "known_hosts").write_text(chosen.known_hosts, encoding="ascii")
        given = {"knownHostsFile": str(tmp_path / "known_hosts"), "loadSshConfig": "false", **properties}
        checked = Properties.check("sftp", SftpFileSystem.properties, {PREFIX + name: value for name, value in given.items()})
        resources = Resources(tmp_path)
        place = f"{chosen.host}:{chosen.port}{workdir}"
        try:
            filesystem = await SftpFileSystem.open(OpenRequest(place, chosen.certificate_credential, checked, resources))
            try:
                yield filesystem
            finally:
                await filesystem.close()
        finally:
            await resources.close()

    return opened


@pytest.fixture
def free_handle() -> Callable[[SftpSession], Awaitable[bytes]]:
    """Give the first free handle of a session on OpenSSH, which is a higher one while a file is open."""

    async def first_free(session: SftpSession) -> bytes:
        handle = await session.open(b"/etc/passwd", Open.READ)
        await session.close_handle(handle)
        return handle

    return first_free


@pytest.fixture
def folder(xenon_ssh: SshServer) -> str:
    """A new directory on ``xenon_ssh``."""
    return xenon_ssh.run("mktemp -d").strip()
