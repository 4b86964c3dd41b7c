"""What the tests of schedulers share: asynchronous tests, and the machines that jobs run on, here and behind the server in Docker."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import shlex
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest

from pyxenon_core.messages import DefaultCredential, JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.job_state import JobState, is_done, is_running_or_done
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.processes.local import LocalScheduler
from pyxenon_server.schedulers.processes.machine import MachineScheduler
from pyxenon_server.schedulers.processes.ssh import SshScheduler
from pyxenon_testing import ServerFactory, SshServer

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


@attrs.frozen
class Machine:
    """A machine that jobs run on.

    Attributes:
        name: The adaptor.
        folder: A folder there, for one test.
        open: Open a scheduler whose location has that folder, with *properties* by the ends of their names.
        run: Run a command there, without the scheduler, and give its output.
    """

    name: str
    folder: str
    open: Callable[..., AbstractAsyncContextManager[Jobs]]
    run: Callable[[str], Awaitable[str]]

    async def text(self, name: str) -> str:
        """The content of a file in the folder; empty when there is none."""
        return await self.run(f"cat {self.folder}/{name} 2>/dev/null || true")

    async def lines(self, name: str, count: int) -> list[str]:
        """The lines of a file, once there are *count* of them."""
        while len(lines := (await self.text(name)).splitlines()) < count:  # noqa: ASYNC110 - it is a file elsewhere
            await asyncio.sleep(0.05)
        return lines

    async def alive(self, pids: list[str]) -> list[str]:
        """Which of *pids* are processes that run."""
        script = f'for p in {" ".join(pids)}; do grep -q "^State:.[^ZX]" /proc/$p/status 2>/dev/null && echo $p; done; true'
        return (await self.run(script)).split()


@attrs.frozen
class Jobs:
    """A scheduler that is open, with shorter words."""

    scheduler: MachineScheduler

    async def submit(self, *words: str, **fields: Any) -> str:
        """Submit a job that runs *words*."""
        return await self.scheduler.submit(JobDescription(executable=words[0], arguments=list(words[1:]), **fields))

    async def sh(self, script: str, **fields: Any) -> str:
        """Submit a job that runs *script*."""
        return await self.submit("sh", "-c", script, **fields)

    async def done(self, job: str, timeout: float = 60) -> JobState:
        """The state of *job* once it is done."""
        state = await self.scheduler.wait(job, is_done, timeout)
        assert state.done, state
        return state

    async def begun(self, job: str) -> JobState:
        """The state of *job* once it has begun."""
        state = await self.scheduler.wait(job, is_running_or_done, 60)
        assert state.running or state.done, state
        return state

    async def end_of(self, *words: str, **fields: Any) -> JobState:
        """How a job that runs *words* ends."""
        return await self.done(await self.submit(*words, **fields))


OpenAdaptor = Callable[..., AbstractAsyncContextManager[Jobs]]


@pytest.fixture
def local(tmp_path: Path) -> Machine:
    """This machine."""

    async def run(command: str) -> str:
        return await asyncio.to_thread(subprocess.check_output, command, shell=True, text=True)

    folder = tmp_path / "jobs"
    folder.mkdir()
    return Machine("local", str(folder), _opener(LocalScheduler, str(folder), DefaultCredential(), tmp_path, {}), run)


@pytest.fixture(scope="session")
def xenon_ssh(xenon_container: ServerFactory) -> SshServer:
    """Start a server that no other worker uses: its connections are dropped here, and its processes and files counted."""
    server: SshServer = xenon_container("ssh", copy="jobs-{worker}")
    return server


@pytest.fixture
def ssh(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """The machine behind the SSH server in Docker."""
    server = request.getfixturevalue("xenon_ssh")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts, encoding="ascii")

    async def run(command: str) -> str:
        return await asyncio.to_thread(server.run, command)

    folder = f"/home/{server.username}/{uuid.uuid4().hex}"
    server.run(f"mkdir {shlex.quote(folder)}")
    location = f"{server.host}:{server.port}{folder}"
    opener = _opener(SshScheduler, location, server.certificate_credential, home, {"loadSshConfig": "false"})
    return Machine("ssh", folder, opener, run)


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.xenon_docker)])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each of the two."""
    found: Machine = request.getfixturevalue(request.param)
    return found


def _opener(adaptor: type[MachineScheduler], location: str, credential: Any, home: Path, usual: dict[str, str]) -> OpenAdaptor:
    @contextlib.asynccontextmanager
    async def open_jobs(**given: str) -> AsyncIterator[Jobs]:
        names = {item.name.rpartition(".")[2]: item.name for item in adaptor.properties}
        properties = Properties.check(adaptor.name, adaptor.properties, {names[end]: text for end, text in {**usual, **given}.items()})
        resources = Resources(home)
        try:
            scheduler = await adaptor.open(OpenRequest(location, credential, properties, resources))
            try:
                yield Jobs(scheduler)
            finally:
                await scheduler.close()
        finally:
            await resources.close()

    return open_jobs
