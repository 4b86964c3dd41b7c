"""Connections that are shared: how many there are, who waits for whom, and what happens when one dies."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from descriptors import descriptors
from pyxenon_core.errors import ConnectionLostException, InvalidCredentialException, NotConnectedException
from pyxenon_core.messages import PasswordCredential
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_server.shells.ssh import SshShell
from pyxenon_server.ssh import routes
from pyxenon_server.ssh.connections import SshConnections, SshLink
from pyxenon_server.ssh.settings import SshSettings
from pyxenon_testing import SshServer

Connect = Callable[..., Any]
ShellOn = Callable[..., Any]
SETTINGS = SshSettings(load_ssh_config=False)


class Pool:
    """Connections to one server."""

    def __init__(self, home: Path, server: SshServer) -> None:
        self.connections = SshConnections(home)
        self.server = server

    async def open(self, credential: Any = None, workdir: str = "", settings: SshSettings = SETTINGS) -> SshLink:
        place = SshLocation(HostPort(self.server.host, self.server.port), workdir)
        return await self.connections.open("ssh", place, credential or self.server.certificate_credential, settings)

    @property
    def lines(self) -> int:
        """How many connections are alive."""
        return sum(
            len([connection for connection in route._open if connection.alive]) for route in self.connections._routes._routes.values()
        )

    @property
    def taken(self) -> int:
        """How many of their sessions are taken."""
        return sum(connection.taken for route in self.connections._routes._routes.values() for connection in route._open)


@asynccontextmanager
async def pool_for(home: Path, server: SshServer) -> AsyncIterator[Pool]:
    pool = Pool(home, server)
    try:
        yield pool
    finally:
        await pool.connections.close()
    assert pool.lines == pool.taken == 0


async def client(shell: SshShell) -> str:
    """Which connection a script runs over: the client's port."""
    return (await shell.run("echo ${SSH_CLIENT#* }")).stdout.decode()


async def test_links_to_one_place_share_one_connection(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        links = await asyncio.gather(*(pool.open(workdir=f"/{number}") for number in range(10)))
        assert pool.lines == 1
        assert len({await client(SshShell(link)) for link in links}) == 1
        for link in links[1:]:
            await link.close()
        assert await client(SshShell(links[0]))
        await links[0].close()
        await links[0].close()
        assert pool.connections._routes._routes == {}


async def test_another_user_secret_or_setting_gets_a_connection_of_its_own(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        await pool.open()
        await pool.open(xenon_ssh.password_credential)
        await pool.open(settings=SshSettings(load_ssh_config=False, timeout=9))
        assert pool.lines == 3
        with pytest.raises(InvalidCredentialException):
            await pool.open(PasswordCredential(username=xenon_ssh.username, password="wrong"))
        assert len(pool.connections._routes._routes) == 3


async def test_a_hundred_scripts_at_once_take_no_more_sessions_than_there_are(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        scripts = (shell.run(f"sleep 0.05; echo {number} ${{SSH_CLIENT#* }}") for number in range(100))
        done = await asyncio.gather(*scripts)
        assert [int(item.stdout.split()[0]) for item in done] == list(range(100))
        assert len({item.stdout.split()[1] for item in done}) == pool.lines == routes.CONNECTIONS
        assert pool.taken == 0


async def test_who_came_first_is_served_first(home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "CONNECTIONS", 1)
    monkeypatch.setattr(routes, "SESSIONS", 1)
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        order: list[int] = []

        async def run(number: int) -> None:
            await shell.run("true")
            order.append(number)

        await asyncio.gather(*(run(number) for number in range(20)))
        assert order == list(range(20))


@pytest.mark.xenon_ssh(copy="few-sessions", configuration="MaxSessions 2\n")
async def test_a_host_that_allows_fewer_sessions(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        done = await asyncio.gather(*(shell.run(f"sleep 0.1; echo {number}") for number in range(20)))
        assert [int(item.stdout) for item in done] == list(range(20))
        assert pool.taken == 0


@pytest.mark.parametrize("refusals", [3, 6])
async def test_a_busy_host_that_counts_an_ended_session_for_long_is_waited_for(
    home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    create_process = asyncssh.SSHClientConnection.create_process
    answers = iter([asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")] * refusals)

    async def busy(client: asyncssh.SSHClientConnection, *args: Any, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
        for answer in answers:
            raise answer
        return await create_process(client, *args, **options)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "create_process", busy)
    async with pool_for(home, xenon_ssh) as pool:
        assert (await SshShell(await pool.open()).run("echo served")).stdout == b"served\n"


@pytest.mark.xenon_ssh(copy="no-sessions-{worker}")
async def test_a_host_that_allows_no_session(connect: Connect, xenon_ssh: SshServer) -> None:
    xenon_ssh.container.execute(["sh", "-c", "echo MaxSessions 0 >/etc/ssh/sshd_config.d/00-none.conf"])
    xenon_ssh.faults.restart_daemon()
    async with connect() as link:
        with pytest.raises(NotConnectedException, match="did not open a session: open failed"):
            await link.process("true")


async def test_connections_beyond_the_first_end_when_nobody_needs_them(
    home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "SECONDS_IDLE", 0.3)
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        await asyncio.gather(*(shell.run("sleep 0.1") for _ in range(20)))
        assert pool.lines == 3
        for _ in range(1200):
            if pool.lines == 1:
                break
            await asyncio.sleep(0.05)
        assert pool.lines == 1
        await shell.run("true")


async def test_a_second_connection_that_is_refused_is_done_without(
    home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())

        async def refuse(*_: Any) -> Any:
            raise NotConnectedException("too many connections")

        monkeypatch.setattr(routes, "connect", refuse)
        done = await asyncio.gather(*(shell.run(f"sleep 0.02; echo {number}") for number in range(30)))
        assert [int(item.stdout) for item in done] == list(range(30))
        assert pool.lines == 1


async def test_sftp_and_processes_count_alike(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        link = await pool.open()
        files, process = await link.sftp(), await link.process("cat")
        assert await files.realpath(".") == f"/home/{xenon_ssh.username}"
        assert pool.taken == 2
        files.exit()
        process.stdin.write_eof()
        await asyncio.gather(files.wait_closed(), process.wait_closed())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pool.taken == 0


async def test_closing_a_link_ends_what_runs_over_it_and_nothing_else(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        one, two = await pool.open(), await pool.open()
        mine, other = await SshShell(one).start("cat"), await SshShell(two).start("cat")
        await one.close()
        assert (await mine.wait()).status in (0, 141)
        with pytest.raises(NotConnectedException, match="the link to .* was closed"):
            await one.process("true")
        await other.write(b"still here")
        await other.write_eof()
        assert [piece.stdout async for piece in other.output()] == [b"still here"]
        assert (await other.wait()).exit_code == 0


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_dropped_connections_are_made_anew(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        first = await client(shell)
        running = asyncio.create_task(shell.run("sleep 60"))
        await asyncio.sleep(0.2)
        xenon_ssh.faults.drop_connections()
        with pytest.raises(ConnectionLostException, match="was lost while a script was running there"):
            await running
        again = await asyncio.gather(*(client(shell) for _ in range(8)))
        assert len(set(again)) == 1
        assert again[0] != first
        assert pool.lines == 1


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_connection_that_died_unnoticed_is_replaced_before_anything_runs(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        for _ in range(5):
            # The reset is in the socket's queue, and asyncio has not seen it when the script is to be started.
            xenon_ssh.faults.drop_connections()
            assert (await shell.run("echo once")).stdout == b"once\n"


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_host_that_is_gone_for_a_while(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        await shell.run("true")
        with xenon_ssh.faults.stopped():
            xenon_ssh.faults.drop_connections()
            await asyncio.sleep(0.1)
            for _ in range(2):
                with pytest.raises(NotConnectedException, match="cannot connect to"):
                    await shell.run("true")
        assert (await shell.run("echo back")).stdout == b"back\n"
        xenon_ssh.faults.restart_daemon()
        assert (await shell.run("echo again")).stdout == b"again\n"


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_pause_of_the_network_is_survived(home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyxenon_server.ssh import configuration

    monkeypatch.setattr(configuration, "KEEP_ALIVE_SECONDS", 1)
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        first = await client(shell)
        running = asyncio.create_task(shell.run("sleep 1; echo survived"))
        await asyncio.sleep(0.2)
        with xenon_ssh.faults.paused():
            await asyncio.sleep(2.5)
        assert (await running).stdout == b"survived\n"
        assert await client(shell) == first


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_host_that_stays_silent_is_given_up(home: Path, xenon_ssh: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyxenon_server.ssh import configuration

    monkeypatch.setattr(configuration, "KEEP_ALIVE_SECONDS", 0.2)
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open(settings=SshSettings(load_ssh_config=False, timeout=2)))
        with xenon_ssh.faults.paused(), pytest.raises((NotConnectedException, ConnectionLostException)):
            await asyncio.wait_for(shell.run("true"), 60)
        assert (await shell.run("echo back")).stdout == b"back\n"


async def test_cancelling_frees_everything(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.1):
            tasks = [asyncio.create_task(shell.run("sleep 60")) for _ in range(40)]
            await asyncio.sleep(delay)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)
        for _ in range(1200):
            if not pool.taken:
                break
            await asyncio.sleep(0.05)
        assert pool.taken == 0
        assert (await shell.run("echo fine")).stdout == b"fine\n"


async def test_an_opening_that_is_cancelled_leaves_nothing(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        for delay in (0, 0.001, 0.005, 0.02):
            task = asyncio.create_task(pool.open())
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                await task.result().close()
            assert pool.connections._routes._routes == {}


async def test_opening_and_closing_again_and_again_keeps_no_file_open(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        for round_ in range(4):
            links = [await pool.open() for _ in range(20)]
            await asyncio.gather(*(SshShell(link).run("true") for link in links))
            for link in links:
                await link.close()
            if not round_:
                gc.collect()
                before = descriptors()
        await asyncio.sleep(0.1)
        gc.collect()
        assert not descriptors() - before


async def test_a_connection_that_ends_as_a_session_begins(home: Path, xenon_ssh: SshServer) -> None:
    """asyncssh fails so, now and then, when both happen in the same turn of the event loop."""
    async with pool_for(home, xenon_ssh) as pool:
        link = await pool.open()

        async def start(connection: asyncssh.SSHClientConnection) -> Any:
            await pool.connections.close()
            raise AttributeError("'NoneType' object has no attribute 'session_started'")

        with pytest.raises(NotConnectedException, match="was closed"):
            await link._session(start)


async def test_connections_are_closed_while_they_are_in_use(home: Path, xenon_ssh: SshServer) -> None:
    async with pool_for(home, xenon_ssh) as pool:
        shell = SshShell(await pool.open())
        running = asyncio.create_task(shell.run("sleep 600"))  # longer than a test may take
        waiting = [asyncio.create_task(shell.run("sleep 600")) for _ in range(40)]
        await asyncio.sleep(0.3)
        await pool.connections.close()
        results = await asyncio.gather(running, *waiting, return_exceptions=True)
        assert {type(result) for result in results} <= {ConnectionLostException, NotConnectedException}
