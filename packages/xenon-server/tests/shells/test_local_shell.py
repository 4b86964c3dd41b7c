"""Scripts on this machine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from descriptors import descriptors
from pyxenon_core.errors import ConnectionLostException, IllegalArgumentException, NotConnectedException
from pyxenon_server.shells import local as local_shell
from pyxenon_server.shells.base import Ended, Output
from pyxenon_server.shells.local import LocalShell

SECONDS_FOR_A_TEST = 60


def run(test):
    """Run an asynchronous test in a shell that is closed afterwards."""

    def wrapper():
        async def go():
            shell = LocalShell()
            try:
                await asyncio.wait_for(test(shell), SECONDS_FOR_A_TEST)
            finally:
                await shell.close()

        files, children = descriptors(), set(psutil.Process().children())  # which other tests may have
        asyncio.run(go())
        assert not descriptors() - files
        assert not set(psutil.Process().children()) - children

    wrapper.__name__ = test.__name__
    return wrapper


@run
async def test_a_script_gets_its_input_and_tells_its_outputs_and_its_end(shell):
    done = await shell.run("cat; echo wrong >&2; exit 3", stdin=b"x" * 500_000)
    assert (done.exit_code, done.signal, done.stdout, done.stderr) == (3, "", b"x" * 500_000, b"wrong\n")
    done = await shell.run("kill -KILL $$")
    assert (done.exit_code, done.signal, done.status) == (None, "KILL", 137)


@run
async def test_a_script_starts_at_home_with_nothing_of_ours_in_its_environment(shell):
    done = await shell.run("pwd; echo $# $0; env")
    home, words, *environment = done.stdout.decode().splitlines()
    assert (home, words) == (str(Path.home()), "0 /bin/sh")
    assert not [line for line in environment if line.startswith("XENON_SCRIPT")]


@run
async def test_a_script_may_be_long_and_hold_any_text(shell):
    text = "é'\n\\$`\"" * 50_000
    quoted = text.replace("'", "'\"'\"'")
    assert (await shell.run(f"echo '{quoted}' | cksum; # {'x' * 300_000}")).exit_code == 0
    done = await shell.run(f"cat <<'END'\n{text}\nEND\n")
    assert done.stdout.decode() == f"{text}\n"
    with pytest.raises(IllegalArgumentException, match="null"):
        await shell.run("echo \0")


@run
async def test_a_script_is_not_among_the_arguments_of_its_process(shell):
    process = await shell.start("echo ready; : open-sesame; read line")
    assert await anext(process.output()) == Output(b"ready\n")
    lines = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert lines and not any("open-sesame" in line for line in lines)


@run
async def test_a_script_that_takes_too_long_is_killed_with_its_children(shell):
    began = time.monotonic()
    with pytest.raises(ConnectionLostException, match=r"0\.3 seconds"):
        await shell.run("sleep 600 & sleep 600; echo", timeout=0.3)  # longer than a test may take
    assert time.monotonic() - began >= 0.3


@run
async def test_both_ways_item_by_item(shell):
    process = await shell.start('while read -r line; do echo "got $line"; done; exit 4')
    output = process.output()
    for number in range(100):
        await process.write(b"%d\n" % number)
        assert await anext(output) == Output(b"got %d\n" % number)
    await process.write_eof()
    assert [piece async for piece in output] == []
    assert await process.wait() == Ended(4)


@run
async def test_a_reader_that_is_slow_makes_the_script_wait(shell):
    others = psutil.Process().children()
    process = await shell.start("yes")
    await asyncio.sleep(0.3)
    (child,) = [child for child in psutil.Process().children() if child not in others]
    before = child.cpu_times().user + sum(item.cpu_times().user for item in child.children())
    await asyncio.sleep(0.3)
    assert child.cpu_times().user + sum(item.cpu_times().user for item in child.children()) - before < 0.1
    count = 0
    async for piece in process.output():
        count += len(piece.stdout)
        if count > 20_000_000:
            break
    await process.close()
    assert await process.wait() == Ended(None, "KILL")


@run
async def test_a_script_that_does_not_read_makes_the_writer_wait_and_what_it_never_reads_is_dropped(shell):
    with tempfile.TemporaryDirectory() as folder:
        process = await shell.start(f"read line; echo $line; while [ ! -e {folder}/go ]; do sleep 0.02; done")
        writing = asyncio.ensure_future(process.write(b"first\n" + b"x" * 5_000_000))
        await asyncio.sleep(0.2)
        assert not writing.done()
        await shell.run(f"touch {folder}/go")
        assert await process.wait() == Ended(0)
    await writing
    await process.write(b"more")
    await process.write_eof()
    await process.close()


@run
async def test_what_is_left_when_the_shell_is_closed_is_killed(shell):
    process = await shell.start("sleep 60 & echo $$; wait")
    pid = int((await anext(process.output())).stdout)
    children = psutil.Process(pid).children()
    await shell.close()
    (child,) = children
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110 - the signal is on its way
        await asyncio.sleep(0.01)


def test_a_machine_without_a_shell_says_so(monkeypatch):
    monkeypatch.setattr(local_shell, "_SH", "/nowhere/sh")
    with pytest.raises(NotConnectedException, match="/nowhere/sh"):
        asyncio.run(LocalShell().run("true"))


def test_a_script_that_is_too_long_for_the_machine_says_so():
    with pytest.raises(IllegalArgumentException, match="too long"):
        asyncio.run(LocalShell().run(f": {'x' * 8_000_000}"))
