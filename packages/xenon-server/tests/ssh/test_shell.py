"""Scripts over SSH: they arrive byte for byte, whatever shell and profile the account has, and what they print comes back alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyxenon_core.errors import ConnectionLostException, IllegalArgumentException, NotConnectedException
from pyxenon_core.messages import CertificateCredential
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.locations import HostPort, SchedulerLocation, SshLocation
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.shells import ssh as ssh_shells
from pyxenon_server.shells.base import Ended, Output, Shell
from pyxenon_server.shells.opening import open_shell
from pyxenon_server.shells.ssh import SshShell
from pyxenon_server.shells.words import quote
from pyxenon_server.ssh.connections import SshConnections
from pyxenon_server.ssh.settings import SshSettings
from pyxenon_testing import ServerFactory, SshServer

ShellOn = Callable[..., Any]
NOISE = "echo noise from a profile; echo more of it >&2; printf 'without an end'"
# Everything that a script can hold: no null character, and bytes that are no UTF-8 as Python's file names have them.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0") | st.integers(0xDC80, 0xDCFF).map(chr)
TEXTS = st.text(CHARACTERS, max_size=60) | st.text(st.sampled_from("'\"\\!$`\n\r\t *?~#;&|<>(){}[]=%^é\x81\x88\ud7ff"), max_size=40)


@pytest.fixture
def with_login_shell(xenon_container: ServerFactory) -> Iterator[Callable[[str], SshServer]]:
    """A server whose account gets another login shell: the one at a path, or a script with a text."""
    server = xenon_container("ssh", copy="login-shells")

    def choose(what: str) -> SshServer:
        path = what if what.startswith("/") else "/usr/local/bin/strange-shell"
        if path != what:
            server.container.execute(["sh", "-c", f"printf '%s' {quote(what)} >{path} && chmod 755 {path}"])
        server.container.execute(["usermod", "--shell", path, server.username])
        return server

    yield choose
    server.container.execute(["usermod", "--shell", "/bin/bash", server.username])
    server.container.execute(["rm", "-f", f"/home/{server.username}/.bashrc"])


async def test_a_script_with_all_that_it_has(shell: ShellOn, xenon_ssh: SshServer) -> None:
    async with shell() as opened:
        done = await opened.run("pwd; cat; echo problem >&2; exit 3", stdin=b"from the \0 input\n")
    assert done.stdout == f"/home/{xenon_ssh.username}\nfrom the \0 input\n".encode()
    assert (done.stderr, done.exit_code, done.signal, done.status) == (b"problem\n", 3, "", 3)


async def test_how_a_script_ends(shell: ShellOn) -> None:
    async with shell() as opened:
        assert (await opened.run("exit 255")).exit_code == 255
        assert (await opened.run("false")).exit_code == 1
        assert (await opened.run("")).exit_code == 0
        killed = await opened.run("echo before; kill -KILL $$")
        assert (killed.stdout, killed.exit_code, killed.signal, killed.status) == (b"before\n", None, "KILL", 137)
        assert (await opened.run("exec sh -c 'kill -TERM $$'")).signal == "TERM"
        wrong = await opened.run("if")
        assert wrong.exit_code == 2
        assert b"yntax" in wrong.stderr


async def test_a_script_leaves_no_trace_of_how_it_came(shell: ShellOn) -> None:
    async with shell() as opened:
        assert (await opened.run("set | grep ^_x; env | grep -c _x")).stdout == b"0\n"
        assert (await opened.run("#!/bin/sh\n# a comment\necho $-; echo $#")).stdout.endswith(b"\n0\n")
        secret = "q7Zr-a-secret"
        assert (
            await opened.run(f": {secret}; tr '\\0' ' ' </proc/$$/cmdline | grep -c {secret}; env | grep -c {secret}")
        ).stdout == b"0\n0\n"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS)
def test_every_text_arrives_as_it_is(loop_and_shell: tuple[asyncio.AbstractEventLoop, Shell], first: str, second: str) -> None:
    loop, opened = loop_and_shell
    script = f"cat <<'the end of it'\n{first}\nthe end of it\nprintf %s {quote(second)} >&2\n"
    data = second.encode("utf-8", "surrogateescape") * 3
    done = loop.run_until_complete(opened.run(f"{script}exec cat", stdin=data))
    assert done.stdout == first.encode("utf-8", "surrogateescape") + b"\n" + data
    assert (done.stderr, done.exit_code) == (second.encode("utf-8", "surrogateescape"), 0)


@pytest.fixture
def loop_and_shell(home: Path, xenon_ssh: SshServer) -> Iterator[tuple[asyncio.AbstractEventLoop, Shell]]:
    """A shell that serves many examples, and its loop."""
    loop, pool = asyncio.new_event_loop(), SshConnections(home)
    place = SshLocation(HostPort(xenon_ssh.host, xenon_ssh.port))
    link = loop.run_until_complete(pool.open("ssh", place, xenon_ssh.certificate_credential, SshSettings(load_ssh_config=False)))
    yield loop, SshShell(link)
    loop.run_until_complete(pool.close())
    loop.close()


@pytest.mark.parametrize("program", [["dash"], ["bash", "--posix"], ["bash"]])
@settings(deadline=None, max_examples=100)
@given(TEXTS, st.binary(max_size=40))
def test_every_sh_takes_the_script_and_leaves_the_input(program: list[str], text: str, data: bytes) -> None:
    inner = ssh_shells._COMMAND.removeprefix("exec /bin/sh -c '").removesuffix("'")
    encoded = f"printf %s {quote(text)}; cat".encode("utf-8", "surrogateescape")
    sent = b"MARK\n" + encoded + b"\nMARK\n" + data
    done = subprocess.run([*program, "-c", inner], input=sent, capture_output=True, check=False, timeout=60)
    assert done.stdout == b"MARK\n" + text.encode("utf-8", "surrogateescape") + data
    assert (done.stderr, done.returncode) == (b"MARK\n", 0)


@pytest.mark.parametrize("kept", range(0, 60, 3))
def test_a_script_that_did_not_arrive_whole_is_not_run(kept: int) -> None:
    inner = ssh_shells._COMMAND.removeprefix("exec /bin/sh -c '").removesuffix("'")
    whole = b"MARK\necho one\necho two; rm -rf /tmp/important\nMARK\n"
    assert kept < len(whole) + 12
    done = subprocess.run(["sh", "-c", inner], input=whole[: min(kept, len(whole) - 1)], capture_output=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 255)


def test_the_command_holds_nothing_that_a_login_shell_would_interpret() -> None:
    inner = ssh_shells._COMMAND.removeprefix("exec /bin/sh -c '").removesuffix("'")
    assert not set("'\\!\n\r\t^%") & set(inner)
    assert inner.isascii()


async def test_a_large_script_and_large_data(shell: ShellOn) -> None:
    data = os.urandom(3_000_000)
    async with shell() as opened:
        lines = "".join(f": {number} {'x' * 100}\n" for number in range(3000))
        assert (await opened.run(f"{lines}echo end")).stdout == b"end\n"
        done = await opened.run("cat; head -c 3000000 /dev/zero >&2", stdin=data)
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
        assert len(done.stderr) == 3_000_000


async def test_what_a_script_cannot_hold(shell: ShellOn) -> None:
    async with shell() as opened:
        with pytest.raises(IllegalArgumentException, match="null character"):
            await opened.run("echo \0")
        with pytest.raises(IllegalArgumentException, match=r"cannot contain '\\ud800'"):
            await opened.run("echo \ud800")


async def test_input_that_nobody_reads_is_dropped(shell: ShellOn) -> None:
    async with shell() as opened:
        done = await opened.run("exec 0<&-; echo done", stdin=bytes(5_000_000))
        assert (done.stdout, done.exit_code) == (b"done\n", 0)


@pytest.mark.parametrize("login_shell", ["/bin/bash", "/bin/dash", "/bin/rbash"])
async def test_login_shells_and_a_noisy_profile(
    shell: ShellOn, home: Path, with_login_shell: Callable[[str], SshServer], login_shell: str
) -> None:
    if login_shell == "/bin/rbash":
        login_shell = '#!/bin/sh\necho MOTD; echo MOTD >&2\nexec /bin/bash "$@"\n'
    server = with_login_shell(login_shell)
    server.container.execute(["sh", "-c", f"printf '%s' {quote(NOISE)} >/home/{server.username}/.bashrc"])
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts, encoding="ascii")
    place = SshLocation(HostPort(server.host, server.port))
    plain = server.run("echo plain")
    assert ("noise" in plain) == (login_shell != "/bin/dash")
    async with shell(server.certificate_credential, place) as opened:
        done = await opened.run("echo clean; echo tidy >&2; cat", stdin=b"!\\'\"")
        assert (done.stdout, done.stderr, done.exit_code) == (b"clean\n!\\'\"", b"tidy\n", 0)
        process = await opened.start("echo one; exit 4")
        assert [piece async for piece in process.output()] == [Output(b"one\n")]
        assert await process.wait() == Ended(4)


@pytest.mark.xenon_ssh(copy="banner", configuration="Banner /etc/ssh/banner\nPrintMotd yes\n")
async def test_a_banner(shell: ShellOn, xenon_ssh: SshServer) -> None:
    xenon_ssh.container.execute(["sh", "-c", "echo 'Authorised use only' >/etc/ssh/banner; cp /etc/ssh/banner /etc/motd"])
    async with shell() as opened:
        done = await opened.run("echo clean")
        assert (done.stdout, done.stderr) == (b"clean\n", b"")


async def test_an_account_without_a_shell(shell: ShellOn, home: Path, with_login_shell: Callable[[str], SshServer]) -> None:
    server = with_login_shell("/usr/sbin/nologin")
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts, encoding="ascii")
    async with shell(server.certificate_credential, SshLocation(HostPort(server.host, server.port))) as opened:
        with pytest.raises(NotConnectedException, match="ended with 1 before it ran the script, and printed 'This account is") as error:
            await opened.run("echo hello")
        assert "check the account's login shell" in error.value.hint


async def test_a_conversation(shell: ShellOn) -> None:
    async with shell() as opened:
        process = await opened.start('while read -r line; do echo "got $line"; done; echo "no more" >&2; exit 7')
        output = process.output()
        for number in range(20):
            await process.write(f"line {number}\n".encode())
            assert await asyncio.wait_for(output.__anext__(), 60) == Output(f"got line {number}\n".encode())
        await process.write_eof()
        assert await output.__anext__() == Output(b"", b"no more\n")
        assert [piece async for piece in output] == []
        assert await process.wait() == Ended(7)
        await process.write(b"too late")
        await process.write_eof()
        await process.close()


async def test_nothing_is_read_ahead_of_a_slow_reader(shell: ShellOn) -> None:
    async with shell() as opened:
        process = await opened.start("head -c 50000000 /dev/zero; echo 'all written' >~/written; exit 0")
        output = process.output()
        first = await output.__anext__()
        await asyncio.sleep(0.5)
        assert (await opened.run("cat ~/written 2>/dev/null")).stdout == b""
        total = len(first.stdout)
        async for piece in output:
            total += len(piece.stdout)
        assert total == 50_000_000
        assert (await opened.run("cat ~/written; rm ~/written")).stdout == b"all written\n"


async def test_a_slow_script_slows_the_writer_down(shell: ShellOn) -> None:
    async with shell() as opened:
        process = await opened.start("sleep 60")
        written = 0
        with pytest.raises(asyncio.TimeoutError):
            while written < 100_000_000:
                await asyncio.wait_for(process.write(bytes(100_000)), 0.5)
                written += 100_000
        assert written < 20_000_000
        process.kill()
        assert (await process.wait()).signal == "KILL"


async def test_a_script_that_takes_too_long_is_ended_with_its_children(shell: ShellOn) -> None:
    async with shell() as opened:
        with pytest.raises(ConnectionLostException, match=r"did not end within 0\.5 seconds"):
            await opened.run("sleep 4321 & sleep 4321", timeout=0.5)  # longer than a test may take
        for _ in range(600):
            if (await opened.run("pgrep -c -x -f 'sleep 4321'")).stdout == b"0\n":
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the children live on")


async def test_a_script_that_is_left(shell: ShellOn) -> None:
    async with shell() as opened:
        process = await opened.start("echo begun; cat; echo went on >~/left")
        assert await process.output().__anext__() == Output(b"begun\n")
        await process.close()
        assert (await process.wait()).exit_code == 0
        for _ in range(600):
            if (await opened.run("cat ~/left 2>/dev/null")).stdout == b"went on\n":
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the script did not go on when its input ended")
        await opened.run("rm ~/left")


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_connection_that_breaks(shell: ShellOn, xenon_ssh: SshServer) -> None:
    async with shell() as opened:
        process = await opened.start("echo begun; sleep 60")
        output = process.output()
        assert await output.__anext__() == Output(b"begun\n")
        xenon_ssh.faults.drop_connections()
        with pytest.raises(ConnectionLostException, match=f"the connection to 127.0.0.1:{xenon_ssh.port} was lost"):
            await output.__anext__()
        with pytest.raises(ConnectionLostException):
            await process.wait()


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_host_that_changes_its_key_meanwhile(shell: ShellOn, home: Path, xenon_ssh: SshServer) -> None:
    async with shell() as opened:
        await opened.run("true")
        (home / ".ssh" / "known_hosts").write_text("", encoding="ascii")
        xenon_ssh.faults.drop_connections()
        await asyncio.sleep(0.1)
        with pytest.raises(NotConnectedException, match="host key is not known"):
            await opened.run("true")


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_key_that_is_gone_meanwhile_is_no_connection(shell: ShellOn, home: Path, xenon_ssh: SshServer, tmp_path: Path) -> None:
    key = tmp_path / "key"
    shutil.copy(str(xenon_ssh.private_key), key)

    async with shell(CertificateCredential(username=xenon_ssh.username, certfile=str(key))) as opened:
        await opened.run("true")
        key.unlink()
        xenon_ssh.faults.drop_connections()
        await asyncio.sleep(0.1)
        with pytest.raises(NotConnectedException, match="the private key .* cannot be read"):
            await opened.run("true")


async def test_a_scheduler_gets_the_shell_of_its_location(home: Path, xenon_ssh: SshServer) -> None:
    resources = Resources(home)
    request = OpenRequest("", xenon_ssh.certificate_credential, Properties({}, {}), resources)
    place = SchedulerLocation("", SshLocation(HostPort(xenon_ssh.host, xenon_ssh.port)))
    opened = await open_shell("slurm", place, request, SshSettings(load_ssh_config=False))
    assert isinstance(opened, SshShell)
    assert (await opened.run("id -un")).stdout.decode().strip() == xenon_ssh.username
    await opened.close()
    local = await open_shell("slurm", SchedulerLocation(), request, SshSettings())
    assert (await local.run("echo here")).stdout == b"here\n"
    await local.close()
    await resources.close()
