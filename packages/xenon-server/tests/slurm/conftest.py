"""What the tests of Slurm share: asynchronous tests, clusters in Docker, and clusters that answer what a test has them answer."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slurm_told import ToldCommands

from fake_clock import run_by_clock
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.job_state import JobState, is_done, is_running_or_done
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.batch.submission import Patience
from pyxenon_server.schedulers.slurm import SlurmScheduler
from pyxenon_server.shells.base import Completed, Shell, ShellProcess
from pyxenon_testing import ServerFactory, SlurmServer

SECONDS_FOR_A_TEST = 120
SECONDS_BY_A_CLOCK = 24 * 3600  # which nobody waits for
RELEASES = ("20.11", "22.05", "24.11", "26.05")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test in an event loop of its own, and see to it that it leaves no task behind.

    A test with a fixture ``clock`` goes by that clock.
    """
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    clock = pyfuncitem.funcargs.get("clock")
    work = _finished(pyfuncitem.obj(**arguments), SECONDS_FOR_A_TEST if clock is None else SECONDS_BY_A_CLOCK)
    asyncio.run(work) if clock is None else run_by_clock(clock, work)
    return True


async def _finished(test: Awaitable[None], seconds: float) -> None:
    await asyncio.wait_for(test, seconds)
    await asyncio.sleep(0.02)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"left running: {left}"


# --- clusters in Docker ---


class Wrapped(Shell):
    """A shell in which a test may put itself between a command and its answer.

    *before* and *after* get what is run, and may raise.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.before: Callable[[str], None] = lambda text: None
        self.after: Callable[[str], None] = lambda text: None
        self.ran: list[str] = []

    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        text = stdin.decode("utf-8", "surrogateescape")
        self.before(text)
        completed = await self.shell.run(script, stdin=stdin, timeout=timeout)
        self.ran.append(text)
        self.after(text)
        return completed

    async def start(self, script: str) -> ShellProcess:
        return await self.shell.start(script)

    async def close(self) -> None:
        await self.shell.close()


class QuickScheduler(SlurmScheduler):
    """It does not wait long."""

    patience = Patience(command=3, job=0.1, controller=40, slack=1)


@attrs.frozen
class Jobs:
    """A scheduler that is open, with shorter words."""

    scheduler: SlurmScheduler
    folder: str

    @property
    def shell(self) -> Wrapped:
        shell = self.scheduler._commands.shell
        assert isinstance(shell, Wrapped)
        return shell

    async def submit(self, *words: str, **fields: Any) -> str:
        """Submit a job that runs *words*."""
        return await self.scheduler.submit(JobDescription(executable=words[0], arguments=list(words[1:]), **fields))

    async def sh(self, script: str, **fields: Any) -> str:
        """Submit a job that runs *script*."""
        return await self.submit("sh", "-c", script, **fields)

    async def done(self, job: str, timeout: float = 30) -> JobState:
        """The state of *job* once it is done."""
        state = await self.scheduler.wait(job, is_done, timeout)
        assert state.done, state
        return state

    async def begun(self, job: str) -> JobState:
        """The state of *job* once it has begun."""
        state = await self.scheduler.wait(job, is_running_or_done, 30)
        assert state.running or state.done, state
        return state

    async def until(self, job: str, word: str) -> JobState:
        """The state of *job* once Slurm's word for it is *word*."""
        state = await self.scheduler.wait(job, lambda state: state.state == word, 30)
        assert state.state == word, state
        return state


@attrs.frozen
class Cluster:
    """A Slurm in Docker, with a folder for one test."""

    server: SlurmServer
    home: Path
    folder: str

    @contextlib.asynccontextmanager
    async def open(
        self, adaptor: type[SlurmScheduler] = QuickScheduler, *, location: str = "", delay: int = 100, **given: str
    ) -> AsyncIterator[Jobs]:
        """Open a scheduler that asks every *delay* milliseconds; its working directory is the test's folder."""
        names = {item.name.rpartition(".schedulers.")[2]: item.name for item in adaptor.properties}
        values = {
            "ssh.loadSshConfig": "false",
            "slurm.poll.delay": str(delay),
            **{key.replace("_", "."): text for key, text in given.items()},
        }
        properties = Properties.check(adaptor.name, adaptor.properties, {names[name]: text for name, text in values.items()})
        resources = Resources(self.home)
        location = location or f"{self.server.location}{self.folder}"
        try:
            scheduler = await adaptor.open(OpenRequest(location, self.server.certificate_credential, properties, resources))
            scheduler._commands.shell = Wrapped(scheduler._commands.shell)
            try:
                yield Jobs(scheduler, self.folder)
            finally:
                await scheduler.close()
        finally:
            await resources.close()

    async def run(self, command: str) -> str:
        """Run a command as the user, without the scheduler, and give its output."""
        return await asyncio.to_thread(self.server.run, command)

    async def root(self, command: str) -> str:
        """Run a command as root."""
        return await asyncio.to_thread(self.server.container.execute, ["sh", "-c", command])

    async def text(self, name: str) -> str:
        """The content of a file in the folder."""
        return await self.run(f"cat {self.folder}/{name}")

    async def counts(self) -> dict[str, int]:
        """How many messages of each type the controller has had."""
        found = re.findall(r"(REQUEST_\w+)\s+\( *\d+\)\s+count:(\d+)", await self.root("sdiag"))
        return {name: int(count) for name, count in found}


def cluster_at(server: SlurmServer, tmp_path: Path) -> Cluster:
    """*server*, with a home in which it is known and a new folder on it."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700, exist_ok=True)
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts, encoding="ascii")
    folder = f"/home/{server.username}/{uuid.uuid4().hex}"
    server.run(f"mkdir {folder}")
    return Cluster(server, home, folder)


@pytest.fixture(scope="session")
def out_of_time(xenon_container: ServerFactory) -> dict[str, str]:
    """A job on each release that is to run into its time limit, which takes minutes: it does while other tests run."""
    script = "#!/bin/sh\nexec sleep 600\n"
    begin = "sbatch --parsable --time=1 --output=/dev/null --job-name=long"
    return {release: xenon_container("slurm", suite=release).run(begin, script).strip() for release in RELEASES}


@pytest.fixture
def at_cluster(tmp_path: Path) -> Callable[[SlurmServer], Cluster]:
    """Gives the cluster at a server."""
    return lambda server: cluster_at(server, tmp_path)


@pytest.fixture
def cluster(xenon_slurm: SlurmServer, tmp_path: Path, out_of_time: dict[str, str]) -> Cluster:
    """A cluster without accounting."""
    return cluster_at(xenon_slurm, tmp_path)


@pytest.fixture
def accounted(xenon_slurm_accounting: SlurmServer, tmp_path: Path) -> Cluster:
    """A cluster with accounting."""
    return cluster_at(xenon_slurm_accounting, tmp_path)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each release of Slurm."""
    return str(request.param)


@pytest.fixture
def any_cluster(release: str, xenon_container: ServerFactory, tmp_path: Path, out_of_time: dict[str, str]) -> Cluster:
    """A cluster of each release."""
    return cluster_at(xenon_container("slurm", suite=release), tmp_path)


@pytest.fixture
def quiet_cluster(xenon_container: ServerFactory, tmp_path: Path) -> Cluster:
    """A cluster that no other test uses at the same time, whose messages can be counted and whose connections be dropped."""
    return cluster_at(xenon_container("slurm", copy="quiet-{worker}"), tmp_path)


@pytest.fixture
def own_cluster(xenon_container: ServerFactory, tmp_path: Path) -> Cluster:
    """A cluster that no other test uses at the same time, to break."""
    return cluster_at(xenon_container("slurm", copy="broken-{worker}", configuration="MessageTimeout=3\n"), tmp_path)


@pytest.fixture
def told() -> ToldCommands:
    """The commands of a cluster that answers what it is told."""
    return ToldCommands()
