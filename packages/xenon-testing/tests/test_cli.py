"""The command line as a person meets it: in processes of its own, on the real Docker, with a folder of its own for its state."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.ownership import LABEL
from pyxenon_testing.errors import NotRunningError
from pyxenon_testing.pytest_session import servers_of
from pyxenon_testing.servers.kinds import KINDS
from pyxenon_testing.servers.ssh import SshServer
from pyxenon_testing.table import short_age

COMMAND = str(Path(sys.executable).with_name("xenon-testing"))
SECONDS = 120
NO_DOCKER = "unix:///nowhere/docker.sock"


@attrs.frozen
class Terminal:
    """Somebody's terminal, with a state of its own."""

    environment: dict[str, str]
    state: Path
    base: str

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, with pipes where a terminal would be."""
        return self.start([COMMAND, *arguments], **environment)

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start a server, on the images of this run."""
        return self.run("up", *arguments, "--base-image", self.base)

    def start(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run any program to its end."""
        return subprocess.run(
            command, env={**self.environment, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run *program* in an interpreter of its own."""
        return self.start([sys.executable, "-c", program])

    def interrupted(self, number: int, after: str, *arguments: str) -> tuple[int, str]:
        """The exit code, and what was written, of a command that gets the signal *number* once it has written *after*."""
        with subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            written = ""
            while after not in written:
                line = process.stdout.readline()
                assert line, f"ended with {process.wait()} before it wrote {after!r}: {written}"
                written += line
            process.send_signal(number)
            written += process.communicate(timeout=SECONDS)[0]
        return process.returncode, written

    def folders(self) -> list[str]:
        """The names that have a folder."""
        return sorted(path.name for path in self.state.glob("*") if path.is_dir())

    def facts(self, name: str) -> dict[str, Any]:
        """What is kept about the server *name*."""
        (description,) = (self.state / name).glob("*/server.json")
        return dict(json.loads(description.read_text()))

    def containers(self) -> list[str]:
        """The names of the containers that this terminal has started."""
        return [str(found["name"]) for found in self._of_this_terminal()]

    def remove_containers(self) -> None:
        """Take the containers away behind the command's back, as ``docker rm`` does."""
        for found in self._of_this_terminal():
            connect_engine().containers.get(found["id"]).remove(force=True)

    def _of_this_terminal(self) -> list[dict[str, str]]:
        from pyxenon_testing.servers.terminal import NamedServer

        place = NamedServer("any", self.state).owner.session.rpartition("-")[2]
        listed = connect_engine().containers.list(all=True, filters={"label": LABEL}, sparse=True)
        sessions = {container.id: str(container.attrs["Labels"][f"{LABEL}.session"]) for container in listed}
        return [{"id": str(one.id), "name": one.attrs["Names"][0].lstrip("/")} for one in listed if sessions[one.id].endswith(f"-{place}")]


@pytest.fixture
def terminal(pytestconfig: pytest.Config, xenon_container: object, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal, whose servers are gone after the test."""
    environment = {name: value for name, value in os.environ.items() if name not in ("XENON_TARGET", "FORCE_COLOR")}
    environment |= {"XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80"}
    made = Terminal(environment, tmp_path / "pyxenon" / "testing", servers_of(pytestconfig).base)
    yield made
    if made.folders():
        made.run("down", "--all")
    assert made.containers() == []


def section(output: str, title: str) -> str:
    """The lines under *title* in what ``up`` has printed."""
    return output.partition(f"# {title}:\n")[2].partition("\n\n")[0]


def python_lines(output: str) -> str:
    return section(output, "In Python")


def shell_line(output: str, program: str) -> list[str]:
    (line,) = [line for line in section(output, "In a shell").splitlines() if line.startswith(f"{program} ")]
    return shlex.split(line)


def test_a_server_is_used_as_the_command_says_and_goes_without_a_trace(terminal: Terminal) -> None:
    up = terminal.up("ssh")
    assert up.returncode == 0, up.stderr
    assert "ssh is up, on 127.0.0.1:" in up.stderr
    python = terminal.python(f"{python_lines(up.stdout)}\nprint(files.exists('/etc/passwd'), scheduler.get_adaptor_name())")
    assert python.stdout.splitlines()[-1] == "True ssh", python.stderr
    assert python.stdout.startswith("Linux ")
    assert terminal.start([*shell_line(up.stdout, "ssh"), "id", "-un"]).stdout == "xenon\n"
    assert terminal.containers() == [shell_line(up.stdout, "docker")[3]]

    listed = terminal.run("list").stdout
    assert re.search(r"^ssh +ssh +bookworm +127\.0\.0\.1:\d+ +\d+ s +terminal\b", listed, re.MULTILINE)

    password = terminal.facts("ssh")["login"]["password"]
    down = terminal.run("down", "ssh")
    assert (down.returncode, down.stdout) == (0, "")
    assert terminal.containers() == terminal.folders() == []
    written = up.stdout + up.stderr + listed + down.stderr
    assert "\x1b" not in written
    assert password not in written


def test_slurm_is_used_as_the_command_says(terminal: Terminal) -> None:
    up = terminal.up("slurm", "--suite", "22.05")
    python = terminal.python(f"{python_lines(up.stdout)}\nprint(files.get_adaptor_name(), scheduler.get_adaptor_name())")
    assert "main*" in python.stdout, up.stderr + python.stderr
    assert python.stdout.splitlines()[-1] == "sftp slurm"


def test_the_second_time_it_is_up_already(terminal: Terminal) -> None:
    first = terminal.up("ssh", "--name", "mine", "--username", "ada")
    second = terminal.up("ssh", "--name", "mine")
    assert second.returncode == 0
    assert "mine is up already" in second.stderr
    assert first.stdout == second.stdout
    assert terminal.start([*shell_line(second.stdout, "ssh"), "id", "-un"]).stdout == "ada\n"


def test_two_at_once_are_one(terminal: Terminal) -> None:
    command = [COMMAND, "up", "ssh", "--base-image", terminal.base]
    both = [subprocess.Popen(command, env=terminal.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    outputs = {process.communicate(timeout=SECONDS)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == len(terminal.containers()) == 1


def test_two_servers_serve_one_program(terminal: Terminal) -> None:
    for name in ("first", "second"):
        assert terminal.up("ssh", "--name", name).returncode == 0
    program = """
from pyxenon_testing import attach
first, second = attach("first"), attach("second")
print(*(server.filesystem().exists("/etc/passwd") for server in (first, second)), first.port != second.port)
"""
    python = terminal.python(program)
    assert python.stdout == "True True True\n", python.stderr


def test_a_session_without_the_host_keys_is_named_as_the_cause(terminal: Terminal) -> None:
    terminal.up("ssh")
    program = """
import xenon
from pyxenon_testing import attach
server = attach("ssh")
with xenon.init():
    try:
        server.filesystem()
    except xenon.XenonException as error:
        print(error)
with xenon.init(target=server.client.target):
    print(server.filesystem().exists("/etc/passwd"))
"""
    python = terminal.python(program)
    first, last = python.stdout.splitlines()
    assert "embedded:, does not know the host keys" in first
    assert last == "True"


def test_another_server_of_that_name_is_not_taken_for_what_was_asked(terminal: Terminal) -> None:
    terminal.up("ssh", "--name", "mine")
    for arguments, reason in ((["slurm"], "it is of the kind ssh"), (["ssh", "--suite", "trixie"], "its suite is bookworm")):
        refused = terminal.up(*arguments, "--name", "mine")
        assert refused.returncode == 1
        assert f"another server named mine is up: {reason}" in refused.stderr
    assert len(terminal.containers()) == 1


def test_a_server_that_was_removed_elsewhere_is_started_anew(terminal: Terminal) -> None:
    terminal.up("ssh")
    terminal.remove_containers()
    attached = terminal.python("from pyxenon_testing import attach; attach('ssh')")
    assert attached.stderr.splitlines()[-1].endswith(
        f"{NotRunningError.__name__}: no server named 'ssh' is up. To start one: xenon-testing up ssh. "
        "To see those that are up: xenon-testing list"
    )
    up = terminal.up("ssh")
    assert "ssh is up, on" in up.stderr
    assert terminal.start([*shell_line(up.stdout, "ssh"), "true"]).returncode == 0


@pytest.mark.parametrize("command", [["list"], ["down", "ssh"], ["prune"]])
def test_the_state_of_a_server_that_is_gone_is_cleared_away(terminal: Terminal, command: list[str]) -> None:
    terminal.up("ssh")
    terminal.remove_containers()
    assert terminal.run(*command).returncode == 0
    assert terminal.folders() == []


def test_a_server_on_another_engine_is_left_alone(terminal: Terminal) -> None:
    terminal.up("ssh")
    engine = terminal.state / "ssh" / "engine"
    here = engine.read_text()
    engine.write_text("OTHER\nunix:///other.sock\n")
    for command in (["up", "ssh"], ["down", "ssh"]):
        refused = terminal.run(*command)
        assert refused.returncode == 1
        assert "started on another Docker engine: unix:///other.sock" in refused.stderr
    for command in (["list"], ["prune"]):
        assert "ssh is on another Docker engine and left alone" in terminal.run(*command).stderr
    engine.write_text(here)
    assert "ssh is up already" in terminal.up("ssh").stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_starts_leaves_nothing(terminal: Terminal, number: signal.Signals) -> None:
    code, written = terminal.interrupted(number, "starting ssh", "up", "ssh", "--base-image", terminal.base)
    assert code == 128 + number
    assert "Traceback" not in written
    assert terminal.containers() == terminal.folders() == []


def test_what_a_killed_command_leaves_is_seen_and_removed(terminal: Terminal) -> None:
    terminal.interrupted(signal.SIGKILL, "starting slurm", "up", "slurm", "--base-image", terminal.base)
    if terminal.containers():  # it was killed after the container was made
        assert "terminal (lost)" in terminal.run("list").stdout
    pruned = terminal.run("prune")
    assert "slurm" in pruned.stderr
    assert terminal.containers() == terminal.folders() == []


def test_a_stopped_server_is_shown_and_pruned(terminal: Terminal) -> None:
    terminal.up("ssh")
    (container,) = terminal.containers()
    connect_engine().containers.get(container).kill()
    assert re.search(r"^ssh .* exited .* terminal \(lost\)", terminal.run("list").stdout, re.MULTILINE)
    assert "Server listening" in terminal.run("logs", "ssh").stdout
    assert "removing ssh" in terminal.run("prune").stderr
    assert terminal.containers() == terminal.folders() == []


def test_servers_of_test_sessions_are_listed_with_their_process(
    terminal: Terminal, xenon_ssh: SshServer, pytestconfig: pytest.Config
) -> None:
    owner = servers_of(pytestconfig).owner
    (line,) = [line for line in terminal.run("list").stdout.splitlines() if line.startswith(xenon_ssh.container.name)]
    assert f"{xenon_ssh.host}:{xenon_ssh.port} " in line
    assert line.rstrip().endswith(f"tests, pid {owner.pid}")
    assert terminal.run("prune").returncode == 0
    assert xenon_ssh.container.is_running()
    assert "Server listening" in terminal.run("logs", xenon_ssh.container.name).stdout


def test_a_log_is_followed_until_ctrl_c(terminal: Terminal) -> None:
    terminal.up("ssh")
    code, written = terminal.interrupted(signal.SIGINT, "Server listening", "logs", "ssh", "--follow")
    assert code == 130
    assert "Traceback" not in written


def test_an_image_is_built_ahead_of_time(terminal: Terminal) -> None:
    built = terminal.run("build", "ssh", "--suite", "bookworm", "--base-image", terminal.base)
    (tag,) = built.stdout.splitlines()
    assert connect_engine().images.get(tag).id
    assert terminal.containers() == terminal.folders() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up", "nothing"], "there is no kind of server named 'nothing'; there are: ssh, slurm"),
        (["up", "ssh", "--disk", "large"], "the option disk must be of the form of '256m', not 'large'"),
        (["up", "ssh", "--name", "../mine"], "a server cannot be named '../mine'"),
        (["up", "ssh", "--name", "slurm"], "a server of the kind ssh cannot be named slurm, which is another kind"),
        (["down", "mine"], "no server named 'mine' is up. To start one: xenon-testing up KIND --name mine."),
        (["down", "slurm"], "no server named 'slurm' is up. To start one: xenon-testing up slurm."),
        (["logs", "mine"], "no server named 'mine' is up"),
        (["build", "nothing"], "there is no kind of server named 'nothing'"),
        (["base-image", "no suite"], "cannot make a base image for the suite 'no suite'"),
    ],
)
def test_what_cannot_be_done_is_one_readable_message(terminal: Terminal, arguments: list[str], message: str) -> None:
    done = terminal.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"xenon-testing: {message}")
    assert terminal.folders() == []


def test_an_image_that_cannot_be_had_is_one_readable_message(terminal: Terminal) -> None:
    done = terminal.run("up", "ssh", "--base-image", "localhost:9/nothing:{suite}")
    assert done.returncode == 1
    assert "xenon-testing: cannot get the image localhost:9/nothing:bookworm" in done.stderr
    assert "Traceback" not in done.stderr
    assert terminal.folders() == []


@pytest.mark.parametrize(
    "arguments", [[], ["up"], ["down"], ["down", "ssh", "--all"], ["build"], ["up", "ssh", "--base-image", "{release}"]]
)
def test_wrong_usage_is_2(terminal: Terminal, arguments: list[str]) -> None:
    done = terminal.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: xenon-testing")


def test_those_that_are_up_go_also_when_one_name_is_wrong(terminal: Terminal) -> None:
    terminal.up("ssh")
    done = terminal.run("down", "mine", "ssh")
    assert done.returncode == 1
    assert "no server named 'mine' is up" in done.stderr
    assert terminal.containers() == []


@pytest.mark.parametrize(
    "arguments", [["up", "ssh"], ["list"], ["down", "ssh"], ["down", "--all"], ["prune"], ["logs", "ssh"], ["build", "ssh"]]
)
def test_without_docker_the_reason_is_said(tmp_path: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "DOCKER_HOST": NO_DOCKER}
    done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"xenon-testing: no Docker engine answers at {NO_DOCKER}")
    assert [path for path in (tmp_path / "pyxenon" / "testing").glob("*") if path.is_dir()] == []


def test_the_help_helps() -> None:
    done = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, timeout=SECONDS, env={**os.environ, "COLUMNS": "80"})
    assert "xenon-testing up slurm --suite 24.11" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    up = subprocess.run([COMMAND, "up", "--help"], capture_output=True, text=True, timeout=SECONDS)
    assert all(f"  {name} " in up.stdout for name in KINDS)
    version = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, timeout=SECONDS).stdout
    assert re.fullmatch(r"xenon-testing \d+\.\d+.*\n", version)


def test_attach_is_imported_lightly() -> None:
    program = "import sys; from pyxenon_testing import attach; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=SECONDS).stdout.split()
    assert not {"xenon", "pyxenon", "pyxenon_core", "grpc", "docker", "asyncssh", "rich", "pytest"} & set(loaded)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1.0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (90_000, "1 d")]
)
def test_ages_are_in_the_largest_unit(seconds: float, text: str) -> None:
    assert short_age(seconds) == text
