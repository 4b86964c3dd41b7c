"""A real server: who reaches it, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from concurrent import futures
from dataclasses import replace
from pathlib import Path

import grpc
import psutil
import pytest

from pyxenon_core.errors import ServerStartError
from pyxenon_core.targets import TlsKeys
from pyxenon_java import PortTakenError, ServerProcess, process, start_server
from pyxenon_java.keys import KeyFiles
from pyxenon_java.ports import free_port, is_listening, listens_itself
from pyxenon_java.probe import answers

pytestmark = pytest.mark.java

METHOD = "/xenon.SchedulerService/getAdaptorNames"


def call(address: str, keys: TlsKeys | None) -> bytes:
    """One real call; raises grpc.RpcError."""
    if keys is None:
        channel = grpc.insecure_channel(address)
    else:
        credentials = grpc.ssl_channel_credentials(keys.root_certificates, keys.private_key, keys.certificate_chain)
        channel = grpc.secure_channel(address, credentials)
    with channel:
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        return method(b"", timeout=60)


def refusal(address: str, keys: TlsKeys | None) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call(address, keys)
    assert isinstance(caught.value, grpc.Call)
    return caught.value.code()


def java_of(server: ServerProcess) -> psutil.Process:
    (java,) = psutil.Process(server.supervisor_pid).children()
    return java


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked about yet counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(*pids: int, timeout: float = 60) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if all(is_gone(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_its_own_client_reaches_it(server: ServerProcess) -> None:
    assert b"slurm" in call(server.address, server.keys)
    assert server.diagnose() == ""


def test_nobody_else_does(server: ServerProcess, other_server: ServerProcess) -> None:
    assert server.keys is not None
    assert other_server.keys is not None
    theirs = other_server.keys
    assert refusal(server.address, None) is grpc.StatusCode.UNAVAILABLE
    assert refusal(server.address, TlsKeys(server.keys.root_certificates)) is grpc.StatusCode.UNAVAILABLE
    assert refusal(server.address, other_server.keys) is grpc.StatusCode.UNAVAILABLE
    stolen_name = replace(server.keys, certificate_chain=theirs.certificate_chain, private_key=theirs.private_key)
    assert refusal(server.address, stolen_name) is grpc.StatusCode.UNAVAILABLE
    assert refusal(other_server.address, server.keys) is grpc.StatusCode.UNAVAILABLE
    servers_own = KeyFiles(server.folder)
    as_server = replace(
        server.keys, certificate_chain=servers_own.server_certificate.read_bytes(), private_key=servers_own.server_key.read_bytes()
    )
    assert refusal(server.address, as_server) is grpc.StatusCode.UNAVAILABLE


def test_a_strict_verifier_accepts_the_certificate(server: ServerProcess) -> None:
    files = KeyFiles(server.folder)
    context = ssl.create_default_context(cafile=files.server_certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(files.client_certificate, files.client_key)
    context.set_alpn_protocols(["h2"])
    for name in ("127.0.0.1", "localhost"):
        with socket.create_connection(("127.0.0.1", server.port), 5) as raw, context.wrap_socket(raw, server_hostname=name) as wrapped:
            assert wrapped.selected_alpn_protocol() == "h2"


def test_its_folder_is_private(server: ServerProcess) -> None:
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700


def test_it_is_out_of_reach_of_ctrl_c(server: ServerProcess) -> None:
    assert os.getsid(java_of(server).pid) != os.getsid(0)


def test_no_secret_in_what_others_can_see(server: ServerProcess) -> None:
    assert server.keys is not None
    assert server.keys.private_key is not None
    secret = server.keys.private_key.decode().splitlines()[1]
    for seen in (psutil.Process(server.supervisor_pid), java_of(server)):
        words = [*seen.cmdline(), *seen.environ().values()]
        assert not any(secret in word or "PRIVATE KEY" in word for word in words)
    assert secret not in repr(server)


def test_stop_is_thorough_and_may_be_repeated(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "xenon.server"):
        server = start_server()
        pids = [server.supervisor_pid, java_of(server).pid]
        server.stop()
        server.stop()
    assert all(is_gone(pid) for pid in pids)
    assert not server.folder.exists()
    assert "was stopped by this program" in server.diagnose()
    levels = {record.getMessage().partition(" - ")[2]: record.levelno for record in caplog.records}
    assert levels[f"Server started, listening on port {server.port} with mutual TLS"] == logging.INFO
    assert {record.name for record in caplog.records} == {"xenon.server"}


def test_a_server_that_dies_gives_a_diagnosis() -> None:
    server = start_server()
    java_of(server).kill()
    assert wait_gone(server.supervisor_pid)
    diagnosis = server.diagnose()
    assert f"port {server.port} was killed by SIGKILL" in diagnosis
    assert "Server started" in diagnosis
    assert not server.folder.exists()
    server.stop()


def test_a_killed_supervisor_takes_the_server_along() -> None:
    server = start_server()
    java = java_of(server).pid
    os.kill(server.supervisor_pid, signal.SIGKILL)
    assert wait_gone(java)
    assert "was killed by SIGKILL" in server.diagnose()
    server.stop()
    assert not server.folder.exists()


# A program that forks while its server runs: the fork holds its pipes open, tries to stop the server, and outlives it.
PROGRAM = """
import os, sys, time
from pyxenon_java import start_server
server = start_server()
reading, writing = os.pipe()
if os.fork() == 0:
    server.stop()
    os.close(1)
    os.write(writing, b"tried")
    time.sleep(600)
    os._exit(0)
os.read(reading, 5)
print(server.port, server.supervisor_pid, server.folder, flush=True)
sys.stdin.read()
"""


class Program:
    """The program above, running; its fork is ended with it."""

    def __enter__(self) -> Program:
        self.popen = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        port, supervisor, folder = self.popen.stdout.readline().split()
        self.port, self.supervisor, self.folder = int(port), int(supervisor), Path(folder)
        (self.java,) = [child.pid for child in psutil.Process(self.supervisor).children()]
        self.forks = [child for child in psutil.Process(self.popen.pid).children() if child.pid != self.supervisor]
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        for fork in self.forks:
            fork.kill()
        self.popen.wait()
        for stream in filter(None, (self.popen.stdin, self.popen.stdout)):
            stream.close()


@pytest.mark.parametrize("end", ["killed", "exit"])
def test_the_end_of_the_program_is_the_end_of_the_server(end: str) -> None:
    with Program() as program:
        assert is_listening(program.port), "the fork must not have stopped it"
        if end == "killed":
            program.popen.kill()
        else:
            assert program.popen.stdin is not None
            program.popen.stdin.close()
        assert wait_gone(program.java, program.supervisor)
        assert not program.folder.exists()


def test_a_taken_port(taken_port: int) -> None:
    with pytest.raises(PortTakenError, match=f"port {taken_port}: another program uses the port"):
        start_server(taken_port)


def test_a_port_that_is_taken_in_between_is_given_up(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [taken_port, free_port()]
    monkeypatch.setattr(process, "free_port", lambda: ports.pop(0))
    server = start_server()
    assert b"local" in call(server.address, server.keys)
    server.stop()


def test_a_strangers_plain_server_does_not_pass_as_ours() -> None:
    stranger = grpc.server(futures.ThreadPoolExecutor(1))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    stranger.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("xenon.FileSystemService", {"getAdaptorNames": handler})])
    port = stranger.add_insecure_port("[::]:0")
    stranger.start()
    try:
        assert answers(f"127.0.0.1:{port}", None, 5), "it must be able to deceive"
        assert listens_itself(os.getpid(), port)
        with pytest.raises(PortTakenError):
            start_server(port, tls=False)
    finally:
        stranger.stop(None).wait()


def test_plain_works_and_warns(caplog: pytest.LogCaptureFixture) -> None:
    server = start_server(tls=False)
    assert server.keys is None
    assert b"local" in call(server.address, None)
    server.stop()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "without TLS" in warning.getMessage()


def test_a_server_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENON_START_TIMEOUT", "0.1")
    before = set(psutil.Process().children())
    with pytest.raises(ServerStartError, match=r"did not answer on port \d+ in time") as caught:
        start_server()
    assert "XENON_START_TIMEOUT" in str(caught.value)
    assert not set(psutil.Process().children()) - before


def test_a_time_limit_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENON_START_TIMEOUT", "soon")
    with pytest.raises(ServerStartError, match="'soon'"):
        start_server()


def test_a_jar_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "broken.jar"
    jar.write_bytes(b"no jar")
    monkeypatch.setenv("XENON_GRPC_JAR", str(jar))
    with pytest.raises(ServerStartError, match=r"ended with exit code 1; its last lines were:\n.*orrupt"):
        start_server()
