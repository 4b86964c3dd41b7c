"""The servers in Docker as projects meet them: in a pytest of its own, started from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.ownership import LABEL, Owner, owned_containers
from pyxenon_testing.engine.processes import this_place

pytest_plugins = ["pytester"]

SECONDS_FOR_A_RUN = 150
SECONDS_TO_START = 60
TRIES = 5


@pytest.fixture
def project(
    pytester: pytest.Pytester, xenon_container: object, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """An empty project, whose runs use the same base image, and load no plugin that takes long and that none of them uses."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:asyncio")
    base = pytestconfig.getoption("xenon_base_image")
    pytester.makeini(f"[pytest]\nxenon_base_image = {base or ''}\n")
    return pytester


@pytest.fixture
def mark(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> str:
    """A word that the tests of the project can read, to be found by."""
    word = uuid.uuid4().hex[:8]
    monkeypatch.setenv("MARK", word)
    return word


def containers_of(pid: int) -> list[str]:
    """The names of the containers that belong to the process *pid* of this machine."""
    found = owned_containers()
    owners = {container.name or container.id: Owner.of(container) for container in found}
    return [str(name) for name, owner in owners.items() if owner.pid == pid and owner.place == this_place()]


PRINTS_ITS_SERVER = """
    import os

    def test_server(xenon_ssh):
        print("container", xenon_ssh.container.id, "owner", os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid())
        assert xenon_ssh.run("echo served") == "served\\n"
"""


def ids_in(lines: list[str]) -> list[str]:
    return re.findall(r"container ([0-9a-f]{64})", "\n".join(lines))


def is_there(container: str) -> bool:
    return any(found.id == container for found in connect_engine().containers.list(all=True, sparse=True))


def test_the_server_is_gone_after_the_tests(project: pytest.Pytester) -> None:
    project.makepyfile(PRINTS_ITS_SERVER)
    result = project.runpytest_subprocess("-s", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(passed=1)
    (container,) = ids_in(result.outlines)
    assert not is_there(container)


def test_the_server_is_gone_after_a_failure(project: pytest.Pytester) -> None:
    project.makepyfile(PRINTS_ITS_SERVER + "        raise ZeroDivisionError\n")
    result = project.runpytest_subprocess("-s", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(failed=1)
    (container,) = ids_in(result.outlines)
    assert not is_there(container)


def test_two_workers_share_one_server(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os, pathlib, pytest, time

        @pytest.mark.parametrize("number", range(2))
        def test_server(xenon_ssh, number):
            assert xenon_ssh.run("echo served") == "served\\n"
            mine = pathlib.Path(os.environ["PYTEST_XDIST_WORKER"] + ".id")
            mine.write_text(xenon_ssh.container.id)
            deadline = time.monotonic() + 30
            while len(list(pathlib.Path().glob("*.id"))) < 2:  # the other worker is there at the same time
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert xenon_ssh.run("echo served") == "served\\n"
    """)
    result = project.runpytest_subprocess("-n2", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(passed=2)
    ids = {path.read_text() for path in project.path.glob("*.id")}
    assert len(list(project.path.glob("*.id"))) == 2
    assert len(ids) == 1
    assert not is_there(ids.pop())


def test_each_worker_has_a_server_of_its_own_where_the_copy_says_so(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os, pathlib, pytest, time

        @pytest.mark.parametrize("number", range(2))
        def test_server(xenon_container, number):
            mine, shared = xenon_container("ssh", copy="broken-{worker}"), xenon_container("ssh")
            ids = f"{mine.container.id} {shared.container.id}"
            pathlib.Path(os.environ["PYTEST_XDIST_WORKER"] + ".ids").write_text(ids)
            deadline = time.monotonic() + 60
            while len(list(pathlib.Path().glob("*.ids"))) < 2:  # the other worker is there at the same time
                assert time.monotonic() < deadline
                time.sleep(0.05)
    """)
    project.runpytest_subprocess("-n2", timeout=SECONDS_FOR_A_RUN).assert_outcomes(passed=2)
    mine, shared = zip(*(path.read_text().split() for path in project.path.glob("*.ids")), strict=True)
    assert len(set(mine)) == 2
    assert len(set(shared)) == 1


@pytest.fixture
def started(project: pytest.Pytester) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a pytest whose test waits with its server up, and returns once it does."""
    project.makepyfile("""
        import pathlib, time

        def test_waits(xenon_ssh):
            pathlib.Path("container").write_text(xenon_ssh.container.id)
            pathlib.Path("key").write_text(str(xenon_ssh.private_key))
            time.sleep(120)
    """)
    running: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(project.path)]
        process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        deadline = time.monotonic() + SECONDS_TO_START
        while not (project.path / "key").exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_server_is_gone_after_an_interrupt(project: pytest.Pytester, started: Callable[[], subprocess.Popen[str]]) -> None:
    process = started()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in output
    assert not is_there((project.path / "container").read_text())
    assert not Path((project.path / "key").read_text()).exists()


def test_the_server_is_gone_after_a_termination(project: pytest.Pytester, started: Callable[[], subprocess.Popen[str]]) -> None:
    process = started()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not is_there((project.path / "container").read_text())


def test_a_fork_of_the_run_leaves_its_servers_alone(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os, sys

        def test_forks(xenon_ssh):
            if os.fork() == 0:
                sys.exit(0)
            os.wait()
            assert xenon_ssh.run("echo served") == "served\\n"
    """)
    result = project.runpytest_subprocess("-p", "no:cacheprovider", timeout=SECONDS_FOR_A_RUN)
    assert result.parseoutcomes().get("passed") == 1


def test_what_a_killed_run_left_behind_is_gone_with_the_next(
    project: pytest.Pytester, started: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    next_run = tmp_path / "test_next.py"
    next_run.write_text(textwrap.dedent(PRINTS_ITS_SERVER))
    for _ in range(TRIES):  # another run on this machine may be faster to remove what was left
        process = started()
        process.kill()
        process.communicate(timeout=60)
        container, key = (project.path / "container").read_text(), Path((project.path / "key").read_text())
        was_there = is_there(container) and key.exists()
        result = project.runpytest_subprocess("-s", next_run, timeout=SECONDS_FOR_A_RUN)
        result.assert_outcomes(passed=1)
        assert not is_there(container)
        assert not key.exists()
        if was_there and re.search(rf"removing .* left behind by process {process.pid}\b", result.stdout.str()):
            return
        (project.path / "key").unlink()
    pytest.fail(f"none of {TRIES} runs said that it removed what a killed one had left behind")


def test_two_runs_side_by_side_do_not_disturb_each_other(project: pytest.Pytester, started: Callable[[], subprocess.Popen[str]]) -> None:
    process = started()
    first = (project.path / "container").read_text()
    other = project.mkdir("other")
    (other / "test_other.py").write_text(
        "def test_server(xenon_ssh):\n    print('container', xenon_ssh.container.id)\n    xenon_ssh.run('true')\n"
    )
    result = project.runpytest_subprocess("-s", str(other), timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(passed=1)
    assert ids_in(result.outlines) != [first]
    assert connect_engine().containers.get(first).status == "running"
    assert process.poll() is None
    assert len(containers_of(process.pid)) == 1


NEEDS_DOCKER = "def test_server(xenon_ssh):\n    raise AssertionError('must not run')\n"


def test_without_docker_the_test_is_skipped_and_says_what_to_install(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.path}/nothing.sock")
    project.makepyfile(NEEDS_DOCKER)
    result = project.runpytest_subprocess("-rs", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no Docker engine answers at unix://*nothing.sock*apt-get install docker.io*"])


@pytest.fixture
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the program a folder for temporary files, in which no other run of pytest has its session."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "two workers"])
def test_without_docker_other_tests_are_as_ever(
    project: pytest.Pytester, own_temporary: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.path}/nothing.sock")
    project.makepyfile("def test_one(xenon_filesystem):\n    pass\n\ndef test_two():\n    pass\n")
    result = project.runpytest_subprocess(*options, timeout=SECONDS_FOR_A_RUN)
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert list(own_temporary.glob("*/sessions/*")) == []


@pytest.mark.parametrize("way", ["option", "setting"])
def test_without_docker_the_test_fails_where_it_is_required(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.path}/nothing.sock")
    project.makepyfile(NEEDS_DOCKER)
    if way == "setting":
        project.makeini("[pytest]\nxenon_require_docker = true\n")
    result = project.runpytest_subprocess(*(["--xenon-require-docker"] if way == "option" else []), timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no Docker engine answers*It is required here: --xenon-require-docker*"])


def test_a_base_image_that_cannot_be_had_fails_the_test_with_what_to_do(project: pytest.Pytester) -> None:
    project.makepyfile(NEEDS_DOCKER)
    result = project.runpytest_subprocess("--xenon-base-image", "localhost:1/none:{suite}-slim", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cannot get the image localhost:1/none:bookworm-slim*xenon-testing base-image bookworm*"])


def test_a_server_that_does_not_come_up_fails_the_test_with_its_log(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.xenon_ssh(configuration="Nonsense yes\\n")
        def test_server(xenon_ssh):
            raise AssertionError("must not run")
    """)
    result = project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*the server in the container xenon-ssh-* is not ready*",
            "*Bad configuration option: Nonsense*",
            "*its whole log is in *.log; docker run --rm -it *pyxenon-testing/ssh:*",
        ]
    )
    (log,) = re.findall(r"its whole log is in (\S+);", result.stdout.str())[:1]
    assert "Bad configuration option: Nonsense" in Path(log).read_text()
    Path(log).unlink()


def test_markers_and_parameters_choose_options(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.xenon_ssh(username="ada")
        def test_marked(xenon_ssh):
            assert xenon_ssh.username == "ada"

        @pytest.mark.parametrize("xenon_ssh", [{"username": "ada"}, {"username": "bob"}], indirect=True)
        def test_parametrised(xenon_ssh):
            assert xenon_ssh.run("id -un").strip() == xenon_ssh.username

        def test_plain(xenon_ssh):
            assert xenon_ssh.username == "xenon"
    """)
    project.runpytest_subprocess("--strict-markers", timeout=SECONDS_FOR_A_RUN).assert_outcomes(passed=4)


REFUSED = {
    "'nonsense'": "there is no kind of server named 'nonsense'; there are: ssh, slurm",
    "'ssh', username='-x'": "the option username must be of the form of 'xenon', not '-x'",
    "'ssh', nonsense='1'": "servers have no option 'nonsense'; there are: suite, username, disk, copy, configuration",
    "'ssh', username='root'": "cannot be 'root', which is an account of the system",
    "'slurm', suite='23.11'": "no Debian suite, or release of Slurm, '23.11' for servers; there are: bullseye (Slurm 20.11)",
    "'slurm', suite=24.11": "the option suite must be a text in quotes, not 24.11",
    "'s3', configuration='x'": "the option configuration is not for s3",
    "'gridengine', suite='forky'": "gridengine is not available on Debian forky",
}


def test_what_cannot_be_asked_for_is_an_error_that_says_so(project: pytest.Pytester) -> None:
    tests = (f"def test_{number}(xenon_container):\n    xenon_container({call})\n" for number, call in enumerate(REFUSED))
    project.makepyfile("\n\n".join(tests))
    result = project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(failed=len(REFUSED))
    refused = re.split(r"(?m)^_+ test_\d+ _+$", result.stdout.str().partition("short test summary")[0])[1:]
    assert [words for words, said in zip(REFUSED.values(), refused, strict=True) if words not in said] == []


def test_markers_add_up_and_a_parameter_counts_for_more(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.xenon_ssh(username="ada")
        @pytest.mark.xenon_ssh(username="bob")
        def test_stacked(xenon_ssh):
            assert xenon_ssh.username in ("ada", "bob")

        @pytest.mark.xenon_ssh(username="ada")
        class TestMarked:
            @pytest.mark.parametrize("xenon_ssh", [{"username": "bob"}], indirect=True)
            def test_its_own(self, xenon_ssh):
                assert xenon_ssh.username == "bob"

            def test_of_the_class(self, xenon_ssh):
                assert xenon_ssh.username == "ada"

            def test_without(self):
                pass
    """)
    project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN).assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("marker", "fixture", "words"),
    [
        ("xenon_slurm('22.05')", "xenon_ssh", "has the marker xenon_slurm, and does not use the fixture xenon_slurm"),
        ("xenon_slurm('22.05', suite='24.11')", "xenon_slurm", "names suites twice"),
    ],
)
def test_a_marker_that_means_nothing_is_refused(project: pytest.Pytester, marker: str, fixture: str, words: str) -> None:
    project.makepyfile(f"import pytest\n\n@pytest.mark.{marker}\ndef test_server({fixture}):\n    pass\n")
    result = project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN)
    assert result.ret != 0
    assert words in result.stdout.str() + result.stderr.str()


def test_a_limit_on_the_time_of_a_test_holds_while_a_command_runs(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.timeout(3, func_only=True)  # of the test alone: the server may take longer to come up
        def test_slow(xenon_ssh):
            xenon_ssh.run("sleep 1200")
    """)
    result = project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Timeout (>3.0s) from pytest-timeout*"])


def test_a_setting_chooses_the_suite(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nxenon_suite = trixie\n")
    project.makepyfile("def test_suite(xenon_ssh):\n    assert 'VERSION_CODENAME=trixie' in xenon_ssh.run('cat /etc/os-release')\n")
    project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN).assert_outcomes(passed=1)
    result = project.runpytest_subprocess("--xenon-suite=bookworm", timeout=SECONDS_FOR_A_RUN)
    result.assert_outcomes(failed=1)


def test_a_project_that_uses_no_fixture_loads_nothing(project: pytest.Pytester, own_temporary: Path) -> None:
    project.makepyfile("""
        import sys

        def test_nothing():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert not loaded & {"docker", "asyncssh", "xenon", "pyxenon", "pyxenon_core", "grpc", "psutil", "filelock"}
    """)
    project.runpytest_subprocess(timeout=SECONDS_FOR_A_RUN).assert_outcomes(passed=1)
    assert list(own_temporary.glob("*/sessions/*")) == []


def test_every_container_carries_its_owner(xenon_ssh: object) -> None:
    labels = [container.attrs["Labels"] for container in owned_containers()]
    assert labels
    assert all({LABEL, f"{LABEL}.session", f"{LABEL}.owner"} <= set(found) for found in labels)
    assert os.getpid() in {Owner.of(container).pid for container in owned_containers()} or "PYTEST_XDIST_WORKER" in os.environ
