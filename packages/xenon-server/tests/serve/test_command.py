"""The command: what it takes, what it refuses, and how it ends. It runs in a process of its own where it serves."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from serve_servants import Services

import pyxenon_core
from pyxenon_core import messages, services
from pyxenon_core.errors import XenonError
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.services import RPCS
from pyxenon_server import __version__, cli
from pyxenon_server.grpc.serving import serve

Capture = pytest.CaptureFixture[str]
Start = Callable[..., Any]
REPOSITORY = Path(__file__).parents[4]


def key_options(folder: Path) -> list[str]:
    return [
        f"--server-cert-chain={folder}/server.pem",
        f"--server-private-key={folder}/server.key",
        f"--client-cert-chain={folder}/client.pem",
    ]


def call(target: str) -> list[str]:
    async def work() -> list[str]:
        async with await pyxenon_core.connect(target) as client:
            return list(await client.filesystems.get_adaptor_names())

    return asyncio.run(work())


def port_in(line: str) -> int:
    found = re.match(r"Server started, listening on port (\d+)", line)
    assert found, line
    return int(found[1])


# --- what it refuses -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "port 50051 of localhost without mutual TLS: every user of this machine"),
        (["--port", "0"], "port 0 of localhost without mutual TLS"),
        (["--host", "127.0.0.1"], "every user of this machine"),
        (["--host", "0.0.0.0"], "everyone who reaches this machine over the network"),
        (["--host", "::", "--port", "7"], "everyone who reaches this machine over the network"),
        (["--uds", "x.sock", "--port", "0"], "port 0 of localhost without mutual TLS"),
        pytest.param(
            ["--server-cert-chain", "a"],
            "missing: --server-private-key, --client-cert-chain",
            id="options6---server-private-key and --client-cert-chain is missing",
        ),
        pytest.param(
            ["--server-cert-chain", "a", "--server-private-key", "b"],
            "missing: --client-cert-chain",
            id="options7-and --client-cert-chain is missing",
        ),
        pytest.param(
            ["--client-cert-chain", "a", "--insecure"],
            "missing: --server-cert-chain, --server-private-key",
            id="options8---server-cert-chain and --server-private-key is missing",
        ),
        (["--server-cert-chain=a", "--server-private-key=b", "--client-cert-chain=c", "--insecure"], "leave one of them out"),
        (["--uds", "x.sock", "--insecure"], "--uds alone opens none"),
        (["--uds", "x.sock", "--server-cert-chain=a", "--server-private-key=b", "--client-cert-chain=c"], "--uds alone opens none"),
        (["--host", "[::1]", "--port", "7"], "port 7 of ::1 without mutual TLS: every user of this machine"),
    ],
)
def test_what_would_be_open_or_does_not_fit_is_refused(
    options: list[str], words: str, capsys: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert cli.main(options) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("xenon-server: ")
    assert words in written.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("option", ["--uds", "--server-cert-chain", "--server-private-key", "--client-cert-chain"])
@pytest.mark.parametrize(
    ("path", "words"), [("", "a path is missing"), ("~nobody.at.all/x", "'~nobody.at.all/x' cannot be understood: Could not")]
)
def test_what_is_no_path_is_told(option: str, path: str, words: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([option, path])
    assert ended.value.code == 2
    assert f"argument {option}: {words}" in capsys.readouterr().err


def test_ctrl_c_before_it_listens_ends_it_in_silence(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def interrupted() -> Any:
        signal.raise_signal(signal.SIGINT)
        return Services()

    assert cli.main(["--uds", f"{folder}/run/s.sock"], interrupted) == 130
    assert capfd.readouterr() == ("", "")
    assert list(folder.rglob("*.sock")) == []


def test_a_refusal_says_what_to_do(capsys: Capture) -> None:
    assert cli.main(["--port", "0"]) == 2
    said = capsys.readouterr().err
    for way in ("--server-cert-chain, --server-private-key and --client-cert-chain", "--uds PATH", "--insecure", "README"):
        assert way in said


@pytest.mark.parametrize("port", ["-1", "65536", "http", "", "1.5", "٣"])
def test_what_is_no_port_is_told(port: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([f"--port={port}"])
    assert caught.value.code == 2
    assert "a port must be a number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--prot", "--server-cert", "--tls", "extra"])
def test_an_unknown_option_is_told_and_none_is_guessed(option: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([option])
    assert caught.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_folder_that_others_can_enter_is_refused(folder: Path, capsys: Capture) -> None:
    folder.chmod(0o755)
    assert cli.main(["--uds", str(folder / "s.sock")]) == 2
    assert "chmod 700" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys: Capture) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["--host", "127.0.0.1", "--port", str(taken.getsockname()[1]), "--insecure"]) == 1
    written = capsys.readouterr()
    assert "Address already in use. End the program that listens there" in written.err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert written.out == ""


def test_keys_that_cannot_be_used_are_told(keys: Path, tmp_path: Path, capsys: Capture) -> None:
    copy = tmp_path / "keys"
    shutil.copytree(keys, copy)
    (copy / "client.pem").write_text("nonsense")
    assert cli.main([*key_options(copy), "--port=0"]) == 1
    assert f"{copy}/client.pem contains no certificate" in capsys.readouterr().err


# --- what it prints ----------------------------------------------------------------------------------------------------------------------


def test_the_proto_is_printed_for_a_reader_who_has_enough() -> None:
    program = [sys.executable, "-m", "pyxenon_server.cli", "--proto"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_the_proto_is_printed(capsys: Capture) -> None:
    assert cli.main(["--proto"]) == 0
    assert capsys.readouterr().out == (REPOSITORY / "protos/xenon.proto").read_text(encoding="utf-8")


@pytest.mark.parametrize(("option", "words"), [("--version", f"xenon-server {__version__}\n"), ("--help", "examples:")])
def test_help_and_version_are_printed(option: str, words: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([option])
    assert caught.value.code == 0
    assert words in capsys.readouterr().out


def test_every_option_of_the_java_server_is_explained(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for option in ("--port", "--server-cert-chain", "--server-private-key", "--client-cert-chain", "--proto", "-v", "--uds", "--host"):
        assert option in text


def test_help_does_not_wait_for_grpc() -> None:
    program = "import sys; from pyxenon_server import cli\ntry: cli.main(['--help'])\nexcept SystemExit: print('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("False\n")


# --- how it serves and ends -----------------------------------------------------------------------------------------------------------


def test_a_line_says_where_it_listens_once_it_does(start: Start, keys: Path) -> None:
    server = start("--port", "0", *key_options(keys))
    assert server.first_line.endswith("of localhost with mutual TLS\n")
    target = f"grpcs://localhost:{port_in(server.first_line)}?ca={keys}/server.pem&cert={keys}/client.pem&key={keys}/client.key"
    assert call(target) == ["file"]
    assert server.end() == (0, "")


def test_the_chosen_port_is_taken(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    server = start("--port", str(number), "--host", "127.0.0.1", "--insecure")
    assert server.first_line == f"Server started, listening on port {number} of 127.0.0.1 without TLS\n"
    assert call(f"grpc://127.0.0.1:{number}") == ["file"]
    status, errors = server.end()
    assert status == 0
    assert "is open without TLS: every user of this machine can use your files" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_good_order(start: Start, folder: Path, number: signal.Signals) -> None:
    path = folder / "run" / "s.sock"
    server = start("--uds", path)
    assert server.first_line == f"Server started, listening on unix://{path}\n"
    assert call(f"unix://{path}") == ["file"]
    assert server.end(number) == (0, "")
    assert server.notes() == ["closed"]
    assert not path.exists()


def test_the_echo_of_a_signal_is_no_second_one(start: Start, folder: Path) -> None:
    """Ctrl-C reaches both a command and what wraps it, which passes it on."""
    path = folder / "run" / "s.sock"
    server = start("--uds", path, SECONDS_OF_ECHO="600", SECONDS_OF_GRACE="600")
    with grpc.insecure_channel(f"unix://{path}") as channel:
        request = messages.WaitUntilDoneRequest(messages.FileSystem("f"), messages.CopyOperation("c"), 1000)
        rpc = services.FILE_SYSTEM_WAIT_UNTIL_DONE
        waiting = channel.unary_unary(rpc.path).future(rpc.encode_request(request))
        server.noted("wait began")
        for _ in range(5):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert rpc.decode_response(waiting.result(timeout=60)).done
    assert server.end(signal.SIGCONT) == (0, "")
    assert server.notes() == ["wait began", "closed"]


def test_an_echo_does_not_spoil_an_end_that_is_quick(start: Start, folder: Path) -> None:
    server = start("--uds", folder / "run" / "s.sock", SECONDS_OF_ECHO="600")
    deadline = time.monotonic() + 60
    while server.process.poll() is None and time.monotonic() < deadline:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.002)
        if "closed" in server.notes():
            break
    assert server.end() == (0, "")


def wait(channel: grpc.aio.Channel, seconds: float) -> asyncio.Future[bytes]:
    """A call that lasts *seconds*: one, where the SDK would ask again and again for a little."""
    request = messages.WaitUntilDoneRequest(messages.FileSystem("f"), messages.CopyOperation("c"), int(seconds * 1000))
    rpc = services.FILE_SYSTEM_WAIT_UNTIL_DONE

    async def ask() -> bytes:
        answer: bytes = await channel.unary_unary(rpc.path)(rpc.encode_request(request))
        return answer

    return asyncio.ensure_future(ask())


def test_calls_that_run_get_a_few_seconds_and_then_end(start: Start, folder: Path) -> None:
    path = folder / "run" / "s.sock"
    server = start("--uds", path, "-v", SECONDS_OF_GRACE="2")

    async def work() -> float:
        async with grpc.aio.insecure_channel(f"unix://{path}") as channel:
            short, long = wait(channel, 0.5), wait(channel, 3600)
            await asyncio.to_thread(server.noted, "wait began", count=2)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            with pytest.raises(XenonError):
                await asyncio.wait_for(pyxenon_core.connect(f"unix://{path}"), 60)
            assert services.FILE_SYSTEM_WAIT_UNTIL_DONE.decode_response(await short).done
            with pytest.raises(grpc.aio.AioRpcError):
                await long
            return time.monotonic() - began

    assert asyncio.run(work()) > 1
    assert inspect.signature(serve).parameters["grace"].default == 5
    status, errors = server.end(signal.SIGCONT)
    assert status == 0
    assert server.notes() == ["wait began", "wait began", "wait cancelled", "closed"]
    assert "SIGTERM: stopping; running calls have 2 seconds" in errors
    assert "Traceback" not in errors


def test_a_second_signal_ends_it_at_once(start: Start, folder: Path) -> None:
    path = folder / "run" / "s.sock"
    server = start("--uds", path, SECONDS_OF_ECHO="0.1", SECONDS_OF_GRACE="600")

    async def work() -> None:
        async with grpc.aio.insecure_channel(f"unix://{path}") as channel:
            waiting = wait(channel, 3600)
            await asyncio.to_thread(server.noted, "wait began")
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            status, _ = await asyncio.to_thread(server.end, signal.SIGTERM)
            assert status == -signal.SIGTERM  # it did not stop as it does when the seconds for calls that run are over
            with pytest.raises(grpc.aio.AioRpcError):
                await waiting

    asyncio.run(work())
    assert "closed" not in server.notes()
    assert not path.exists()


def test_a_server_under_nohup_outlives_its_terminal(folder: Path) -> None:
    path = folder / "run" / "s.sock"
    program = f"""
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parent)!r})
import serve_servants
sys.exit(serve_servants.main({str(folder / "notes")!r}, "--uds", {str(path)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("Server started")
            process.send_signal(signal.SIGHUP)
            assert call(f"unix://{path}") == ["file"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_the_socket_of_a_killed_server_is_taken_over(start: Start, folder: Path) -> None:
    path = folder / "run" / "s.sock"
    killed = start("--uds", path)
    killed.end(signal.SIGKILL)
    assert path.exists()
    start("--uds", path)
    assert call(f"unix://{path}") == ["file"]


def test_a_second_server_at_the_same_socket_is_refused_and_the_first_serves_on(start: Start, folder: Path) -> None:
    path = folder / "run" / "s.sock"
    start("--uds", path)
    second = start("--uds", path)
    assert second.first_line == ""
    status, errors = second.process.wait(60), second.process.stderr.read()
    assert status == 1
    assert "a server is already listening there. Use that server, stop it, or choose another path." in errors
    assert call(f"unix://{path}") == ["file"]


def test_the_log_tells_more_when_asked_and_no_secret(start: Start, folder: Path) -> None:
    path = folder / "run" / "s.sock"
    logs: list[str] = []
    for option in ((), ("-v",), ("-vv",), ("-vvvv",)):
        server = start("--uds", path, *option)

        async def work() -> None:
            async with await pyxenon_core.connect(f"unix://{path}") as client:
                files = FileSystem(client.channel, messages.FileSystem("f"))
                for name in ("/x", "/missing", "/bug"):
                    await asyncio.gather(files.exists(name), return_exceptions=True)
                credential = messages.PasswordCredential(username="me", password="hunter2")
                await asyncio.gather(client.filesystems.create("sftp", "h", password_credential=credential), return_exceptions=True)

        asyncio.run(work())
        logs.append(server.end()[1])
    quiet, told, everything, more = logs
    exists = services.FILE_SYSTEM_EXISTS.path
    assert f"ERROR xenon.server: {exists} failed: ValueError" in quiet
    assert "NOT_FOUND" not in quiet
    assert f"INFO xenon.server: {exists} was answered with NOT_FOUND: nl.esciencecenter.xenon.filesystems.NoSuchPathException" in told
    assert "was answered in" not in told
    assert f"DEBUG xenon.server: {exists} was answered in" in everything
    assert "hunter2" not in "".join(logs)
    assert len(more.splitlines()) == len(everything.splitlines())


def test_the_command_that_is_installed_serves_the_adaptors_that_are_and_leaves_no_job_behind(folder: Path) -> None:
    path, note = folder / "run" / "s.sock", folder / "pid"
    command = [str(Path(sys.executable).with_name("xenon-server")), "--uds", str(path)]

    async def work() -> int:
        async with await pyxenon_core.connect(f"unix://{path}") as client:
            assert "file" in await client.filesystems.get_adaptor_names()
            jobs = await client.schedulers.create("local")
            script = f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 1000"
            job = await jobs.submit_batch_job(messages.JobDescription(executable="/bin/sh", arguments=["-c", script]))
            await jobs.wait_until_running(job, timeout=60_000)
            while not note.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)
            return int(note.read_text())

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("Server started")
            number = asyncio.run(work())
            os.kill(number, 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            with pytest.raises(ProcessLookupError):
                os.kill(number, 0)
        finally:
            process.kill()


def test_every_method_of_the_interface_is_answered(start: Start, folder: Path) -> None:
    """Whatever a servicer does not provide says so; no method is missing from the table of the server."""
    path = folder / "run" / "s.sock"
    start("--uds", path)
    with grpc.insecure_channel(f"unix://{path}") as channel:
        for rpc in RPCS.values():
            kind = {
                (False, False): "unary_unary",
                (False, True): "unary_stream",
                (True, False): "stream_unary",
                (True, True): "stream_stream",
            }
            method = getattr(channel, kind[rpc.client_streaming, rpc.server_streaming])(rpc.path)
            request = iter(()) if rpc.client_streaming else b""
            try:
                answer = method(request, timeout=60) if rpc.name != "wait_until_done" else None
                if rpc.server_streaming:
                    list(answer)
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNKNOWN), rpc.path  # type: ignore[attr-defined]
                assert error.details() != "Method not found!", rpc.path  # type: ignore[attr-defined]
