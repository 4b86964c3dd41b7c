"""The target string, and servers on a port of the user's choice."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from pyxenon_core.errors import ServerStartError, TargetError
from pyxenon_core.targets import GrpcEndpoint, Target
from pyxenon_core.targets import open_target as open_any_target
from pyxenon_java import PortTakenError, ServerProcess, open_target, start_server, stop_server, target
from pyxenon_java.folders import make_folder, shared_folders
from pyxenon_java.keys import write_keys
from pyxenon_java.ports import free_port, is_listening
from pyxenon_java.probe import answers
from pyxenon_java.supervisor import PID_FILE

pytestmark = pytest.mark.java

LEAVES_A_SERVER = """
import sys
from pyxenon_core.targets import Target
from pyxenon_java import open_target
open_target(Target.parse(sys.argv[1]))
"""


def endpoint_of(text: str) -> GrpcEndpoint:
    return open_target(Target.parse(text))


def java_pids(port: int) -> list[str]:
    return [(folder / PID_FILE).read_text() for folder in shared_folders(port)]


@pytest.fixture
def port() -> Iterator[int]:
    """A free port; what was left running there is stopped."""
    number = free_port()
    yield number
    stop_server(number)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("java:?port=0", "from 1 to 65535"),
        ("java:?port=65536", "from 1 to 65535"),
        ("java:?port=+80", "from 1 to 65535"),
        ("java:?port=", "from 1 to 65535"),
        ("java:?port=\u0663", "from 1 to 65535"),
        ("java:?tls=yes", "must be on or off"),
        ("java:?linger=on", "must be yes or no"),
        ("java:?lingre=yes", "unknown option lingre"),
        ("java://host:1", "takes no address"),
    ],
)
def test_options_that_cannot_be_understood(text: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        endpoint_of(text)


def test_a_server_of_ones_own() -> None:
    endpoint = open_any_target("java:")
    assert isinstance(endpoint, GrpcEndpoint)
    assert answers(endpoint.address, endpoint.tls, 5)
    assert endpoint.diagnose() == ""
    endpoint.close()
    endpoint.close()
    assert not answers(endpoint.address, endpoint.tls, 1)
    assert "was stopped" in endpoint.diagnose()


def test_a_server_left_behind_is_used_by_others_and_can_be_stopped(port: int) -> None:
    text = f"java:?port={port}&linger=yes"
    subprocess.run([sys.executable, "-c", LEAVES_A_SERVER, text], check=True, timeout=60)
    (pid,) = java_pids(port)
    (folder,) = shared_folders(port)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}

    endpoint = endpoint_of(text)
    assert endpoint.address == f"127.0.0.1:{port}"
    endpoint.close()
    assert answers(endpoint.address, endpoint.tls, 5), "whoever did not start it does not end it"
    assert java_pids(port) == [pid]
    assert endpoint.diagnose() == ""

    assert stop_server(port)
    assert not is_listening(port)
    assert list(shared_folders(port)) == []
    assert "has ended" in endpoint.diagnose()
    assert not stop_server(port)


def test_a_strangers_port_is_not_used(taken_port: int) -> None:
    with pytest.raises(PortTakenError, match=f"port {taken_port} .* is in use by something that is not your Xenon server") as caught:
        endpoint_of(f"java:?port={taken_port}&tls=off")
    assert "Choose another port" in str(caught.value)


def test_a_server_without_tls_does_not_pass_for_one_with(port: int) -> None:
    server = start_server(port, tls=False)
    try:
        assert endpoint_of(f"java:?port={port}&tls=off").tls is None
        with pytest.raises(PortTakenError, match="tls=off"):
            endpoint_of(f"java:?port={port}")
    finally:
        server.stop()


def test_old_keys_are_replaced(port: int) -> None:
    stale = make_folder(port)
    write_keys(stale)
    endpoint = endpoint_of(f"java:?port={port}")
    assert not stale.exists()
    assert endpoint_of(f"java:?port={port}").tls == endpoint.tls
    endpoint.close()
    assert list(shared_folders(port)) == []


def test_a_program_that_was_slower_uses_the_other_ones_server(port: int) -> None:
    """Two programs start at the same moment on the same port: one server comes up, and both reach it."""
    text = f"java:?port={port}&linger=yes"
    programs = [subprocess.Popen([sys.executable, "-c", LEAVES_A_SERVER, text]) for _ in range(2)]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert len(java_pids(port)) == 1
    endpoint = endpoint_of(text)
    assert answers(endpoint.address, endpoint.tls, 5)


def test_stopping_where_only_a_stranger_listens(taken_port: int) -> None:
    assert not stop_server(taken_port)
    with socket.create_connection(("127.0.0.1", taken_port), 1):
        assert is_listening(taken_port)


def test_folders_of_other_machines_are_left_alone(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "node17/with@odd")
        theirs = make_folder(port)
    assert isinstance(theirs, Path)
    assert list(shared_folders(port)) == []
    endpoint = endpoint_of(f"java:?port={port}")
    endpoint.close()
    assert theirs.exists()
    theirs.rmdir()


def java_process() -> psutil.Process:
    """The one server that runs below this program and was given a home; other tests share servers without."""
    children = psutil.Process().children(recursive=True)
    (java,) = [child for child in children if any(word.startswith("-Duser.home=") for word in child.cmdline()) and child.name() == "java"]
    return java


def test_the_server_takes_the_folder_that_it_is_given_for_the_users_home(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    endpoint = endpoint_of(f"java:?home={quote(str(home))}")
    try:
        java = java_process()
        assert f"-Duser.home={home}" in java.cmdline()
        assert java.environ()["HOME"] == str(home)
    finally:
        endpoint.close()


def test_a_tilde_in_the_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    (tmp_path / "xenon").mkdir()

    def start(*_: object, home: Path | None = None, **__: object) -> ServerProcess:
        given.append(home)
        raise PortTakenError("started")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(target, "start_server", start)
    with pytest.raises(PortTakenError, match="started"):
        endpoint_of("java:?home=~/xenon")
    assert given == [tmp_path / "xenon"]


@pytest.mark.parametrize(
    ("home", "words"),
    [
        ("relative", "not an absolute path"),
        ("", "not an absolute path"),
        ("/nonexistent/home", "there is no such folder"),
        pytest.param(quote(__file__), "there is no such folder", id="a file that is not a folder"),
        ("~nobody-of-this-name/home", "names no folder"),
        ("/tmp/%00", "its option home"),
    ],
)
def test_a_home_that_is_no_folder_is_refused(home: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        endpoint_of(f"java:?home={home}")


def test_start_server_refuses_a_home_that_is_no_folder() -> None:
    with pytest.raises(ServerStartError, match="home folder 'relative': it is not an absolute path"):
        start_server(home=Path("relative"))


def test_a_running_server_keeps_its_home(port: int, tmp_path: Path) -> None:
    endpoint = endpoint_of(f"java:?port={port}&home={tmp_path}")
    try:
        assert f"-Duser.home={tmp_path}" in java_process().cmdline(), "where nothing listens, a server of its own is started"
        with pytest.raises(TargetError, match=f"port {port} is in use, and a running server keeps its home"):
            endpoint_of(f"java:?port={port}&home={tmp_path}")
        assert endpoint_of(f"java:?port={port}").address == endpoint.address
    finally:
        endpoint.close()


def test_a_home_is_not_dropped_when_another_program_was_faster(taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [False]  # free at the first look, taken at the next
    monkeypatch.setattr(target, "is_listening", lambda port: looks.pop() if looks else is_listening(port))
    with pytest.raises(TargetError, match="keeps its home"):
        endpoint_of(f"java:?port={taken_port}&home={tmp_path}")
