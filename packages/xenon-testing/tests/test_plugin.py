"""The plugin as projects meet it: in a pytest of its own, started from outside."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from pyxenon_java import find_jar
from pyxenon_testing.options import DEFAULT_TARGET, chosen_target

pytest_plugins = ["pytester"]

MARK = "XENON_TESTING_MARK"
SECONDS_TO_END = 60


@pytest.fixture(scope="session")
def jar() -> Path:
    """The server's jar, found (and fetched where need be) while the home directory is still the user's."""
    return find_jar()


@pytest.fixture
def mark() -> str:
    """What marks the processes of one test, by the environment that they inherit."""
    return uuid.uuid4().hex


@pytest.fixture
def project(jar: Path, mark: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project, in which nobody has chosen a target."""
    monkeypatch.delenv("XENON_TARGET", raising=False)
    monkeypatch.setenv("XENON_GRPC_JAR", str(jar))
    monkeypatch.setenv(MARK, mark)
    return pytester


def marked_processes(mark: str) -> list[psutil.Process]:
    """The marked processes that live, once those that are ending have had the time to."""
    deadline = time.monotonic() + SECONDS_TO_END
    while (found := list(filter(lambda process: _is_marked(process, mark), psutil.process_iter()))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except psutil.Error:
        return False  # ended meanwhile, or another user's


def test_the_server_and_the_jobs_end_with_the_tests_that_fail(project: pytest.Pytester, mark: str) -> None:
    project.makepyfile("""
        import os, sys
        import psutil, pytest, xenon
        from pyxenon_testing import ScratchFileSystem, ScratchScheduler

        def test_job(xenon_server: xenon.Session, xenon_scheduler: ScratchScheduler) -> None:
            assert xenon_server.target.startswith("embedded:?home=")
            program = "import time; time.sleep(300)"
            job = xenon_scheduler.scheduler.submit_batch_job(xenon.JobDescription(executable=sys.executable, arguments=["-c", program]))
            assert xenon_scheduler.scheduler.wait_until_running(job).running
            assert psutil.Process().children(recursive=True)
            print("directory", xenon_scheduler.directory)
            raise ZeroDivisionError("on purpose")

        def test_file(xenon_filesystem: ScratchFileSystem) -> None:
            xenon_filesystem.filesystem.write_to_file(xenon_filesystem.directory / "file", b"x")
            print("directory", xenon_filesystem.directory)
            pytest.fail("on purpose")
    """)
    result = project.runpytest_subprocess(timeout=120)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*ZeroDivisionError: on purpose*"])
    directories = [line.split()[1] for line in result.outlines if line.startswith("directory ")]
    assert len(set(directories)) == 2
    assert not any(Path(directory).exists() for directory in directories)
    assert marked_processes(mark) == []


def test_one_server_serves_all_tests(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_one(xenon_server, xenon_filesystem, number):
            print("session", id(xenon_server), id(xenon_server.client))
    """)
    result = project.runpytest_subprocess("-rP", timeout=120)
    result.assert_outcomes(passed=3)
    assert len({line for line in result.outlines if line.startswith("session ")}) == 1


def test_without_java_tests_fail_with_the_reason_and_are_not_skipped(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENON_JAVA", str(project.path / "no-java"))
    project.makepyfile("""
        def test_file(xenon_filesystem): ...
        def test_job(xenon_scheduler): ...
    """)
    result = project.runpytest_subprocess("--xenon-target", "java:", timeout=60)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["E *JavaNotFoundError: cannot run *no-java, which XENON_JAVA names*"])


def test_a_session_that_a_test_closed_is_named_as_the_cause(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import xenon

        def test_closes(xenon_server):
            with xenon.init():
                assert xenon.FileSystem.create("file").is_open()

        def test_next(xenon_filesystem): ...
    """)
    result = project.runpytest_subprocess("-p", "no:randomly", timeout=120)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E *SessionError: a test, or the code it tested, closed the session of the fixture xenon_server*"])


def test_the_target_may_be_chosen_on_the_command_line_for_real(project: pytest.Pytester) -> None:
    project.makepyfile("def test_file(xenon_filesystem): ...")
    result = project.runpytest_subprocess("--xenon-target", "nonsense:", timeout=60)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *TargetError: cannot use the target 'nonsense:'*"])


def test_the_command_line_counts_before_the_environment_and_that_before_the_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XENON_TARGET", raising=False)
    assert chosen_target(pytester.parseconfig()) == DEFAULT_TARGET == "embedded:"
    pytester.makeini("[pytest]\nxenon_target = unix:///from/the/file")
    assert chosen_target(pytester.parseconfig()) == "unix:///from/the/file"
    monkeypatch.setenv("XENON_TARGET", "unix:///from/the/environment")
    assert chosen_target(pytester.parseconfig()) == "unix:///from/the/environment"
    assert chosen_target(pytester.parseconfig("--xenon-target=java:?port=50051")) == "java:?port=50051"


def test_help_and_the_list_of_fixtures_say_what_there_is(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--help", timeout=60).stdout.fnmatch_lines(["*--xenon-target=TARGET*"])
    listed = pytester.runpytest_subprocess("--fixtures", timeout=60).stdout
    listed.fnmatch_lines_random(["xenon_server *session scope*", "xenon_filesystem *", "xenon_scheduler *"])


def test_a_project_that_uses_no_fixture_pays_nothing() -> None:
    program = "import sys, pyxenon_testing.plugin; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert "pyxenon_testing" in loaded
    assert not {"xenon", "pyxenon", "pyxenon_core", "pyxenon_java", "grpc", "betterproto2"} & set(loaded)
