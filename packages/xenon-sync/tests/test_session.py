"""Opening and closing sessions."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap

import psutil
import pytest

import pyxenon_core
import xenon
from pyxenon.session import _choose_target
from xenon import exceptions
from xenon.exceptions import ServerUnavailableError, SessionError, TargetError


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_second_init_warns_and_gives_the_same(session: xenon.Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "xenon"):
        assert xenon.init() is session
    assert "xenon.init() was called while the session java: is open; that session is used. Call its close() to end it" in caplog.text
    assert isinstance(session.port, int)
    assert xenon.init(target="java:") is session and "is not used" not in caplog.text
    with caplog.at_level(logging.WARNING, "xenon"):
        assert xenon.init(target="embedded:") is session
    assert "the target 'embedded:' is ignored: close the session first" in caplog.text


def test_an_asynchronous_client_joins_and_leaves_the_server_running(session: xenon.Session) -> None:
    async def names() -> list[str]:
        async with await pyxenon_core.connect(session.endpoint) as client:
            return await client.filesystems.get_adaptor_names()

    assert asyncio.run(names()) == asyncio.run(names()) == xenon.FileSystem.get_adaptor_names()


@pytest.mark.java
def test_a_server_that_is_not_there_is_known_at_once_and_does_not_stick() -> None:
    done = run("""
        import xenon
        for target in ("grpc://localhost:1", "unix:///no/such/socket"):
            try:
                xenon.init(target=target)
            except xenon.exceptions.ServerUnavailableError as error:
                print(error)
        with xenon.init(target="java:") as session:
            print(session)
    """)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all(line.startswith("get_adaptor_names failed: the server does not answer") for line in lines[:2])
    assert lines[2] == "<Session 'java:'>"


def test_a_target_in_the_place_of_the_port_is_explained() -> None:
    done = run("""
        import xenon
        for arguments in ({"port": "java:"}, {"target": "localhost:50051"}):
            try:
                xenon.init(**arguments)
            except (TypeError, ValueError) as error:
                print(error)
    """)
    assert "pass a target as target='java:'" in done.stdout
    assert "write grpc://localhost:50051" in done.stdout


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="log_level must be one of DEBUG, INFO"):
        xenon.init(log_level="LOUD")


@pytest.mark.parametrize("target", ["embedded:", pytest.param("java:", marks=pytest.mark.java)])
def test_exit_can_be_called_by_hand_and_everything_after_says_why(target: str) -> None:
    program = """
        import xenon
        server = xenon.init()
        filesystem = xenon.FileSystem.create("file")
        server.__exit__(None, None, None)
        server.__exit__(None, None, None)
        print(filesystem.is_open())
        for attempt in (lambda: filesystem.exists("/"), lambda: xenon.FileSystem.create("file")):
            try:
                attempt()
            except xenon.XenonError as error:
                print(type(error).__name__, error)
        with xenon.init() as again:
            print(again is server, xenon.FileSystem.create("file").exists("/"))
    """
    done = run(program, XENON_TARGET=target)
    lines = done.stdout.splitlines()
    assert lines.pop(0) == "False"
    assert lines[0].startswith("SessionClosedError exists '/' failed: the session was closed")
    assert lines[1].startswith("SessionError no session is open. Call xenon.init() first")
    assert lines[2] == "False True"
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_session_the_error_says_what_to_call() -> None:
    done = run("""
        import xenon
        try:
            xenon.Scheduler.create("local")
        except xenon.exceptions.SessionError as error:
            print(error)
    """)
    assert "Call xenon.init() first" in done.stdout


@pytest.mark.java
def test_the_server_ends_with_python_when_nobody_closes_it() -> None:
    done = run("""
        import psutil, xenon
        xenon.init(target="java:")
        print(*(child.pid for child in psutil.Process().children(recursive=True)))
    """)
    assert done.returncode == 0, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) >= 1
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)
    assert not alive


def test_the_default_server_is_no_process_and_no_port() -> None:
    done = run("""
        import psutil, threading, xenon
        with xenon.init() as session, xenon.FileSystem.create("file") as files:
            me = psutil.Process()
            print(session.target, session.port, files.exists("/"), len(me.children(recursive=True)), len(me.net_connections(kind="inet")))
    """)
    assert done.stdout.split() == ["embedded:", "None", "True", "0", "0"], done.stderr


@pytest.mark.java
def test_a_server_that_died_is_told_from_one_that_refuses() -> None:
    done = run("""
        import psutil, xenon
        with xenon.init(log_level="CRITICAL", target="java:"):
            filesystem = xenon.FileSystem.create("file")
            for child in psutil.Process().children(recursive=True):
                child.kill()
            for attempt in (lambda: filesystem.exists("/"), lambda: list(filesystem.list("/tmp")),
                            lambda: list(filesystem.read_from_file("/etc/hosts")), lambda: filesystem.write_to_file("/tmp/never", b"")):
                try:
                    attempt()
                except xenon.exceptions.ServerUnavailableError as error:
                    print(str(error).replace("\\n", " "))
    """)
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stdout + done.stderr
    for line, operation in zip(lines, ("exists '/'", "list '/tmp'", "read_from_file '/etc/hosts'", "write_to_file"), strict=True):
        assert line.startswith(operation)
        assert "was killed by SIGKILL" in line
        assert "Start a new session" in line


def test_a_broken_target_is_refused_before_anything_starts() -> None:
    for target in ("nonsense", "nonsense://x", "grpc://far.example.org:1", "java:?colour=red"):
        done = run(
            f"import xenon\ntry:\n    xenon.init(target={target!r})\nexcept xenon.exceptions.TargetError as error:\n    print(error)"
        )
        assert f"cannot use the target {target!r}" in done.stdout, done.stderr


def test_the_environment_names_the_target() -> None:
    done = run("import xenon\ntry:\n    xenon.init()\nexcept ValueError as error:\n    print(error)", XENON_TARGET="nowhere:")
    assert "cannot use the target 'nowhere:'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((None, 50051, False, False), "java:?port=50051"),
        ((None, 50051, True, True), "java:?port=50051&linger=yes&tls=off"),
        ((None, None, False, True), "java:?tls=off"),
        (("grpc://localhost:1", None, False, False), "grpc://localhost:1"),
        (("java:?port=1", None, True, False), "java:?port=1&linger=yes"),
    ],
)
def test_the_old_arguments_choose_the_java_server(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str | None, int | None, bool, bool], expected: str
) -> None:
    monkeypatch.delenv("XENON_TARGET", raising=False)
    assert _choose_target(*arguments) == expected


@pytest.mark.parametrize("arguments", [(50051, False, False), (None, True, False), (None, False, True)])
@pytest.mark.parametrize("target", ["embedded:", "grpcs://host:1?ca=ca.pem", "unix:///run/xenon.sock"])
@pytest.mark.parametrize("where", ["argument", "environment"])
def test_the_old_arguments_with_another_server_are_explained(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[int | None, bool, bool], target: str, where: str
) -> None:
    monkeypatch.setenv("XENON_TARGET", target if where == "environment" else "java:")
    with pytest.raises(TargetError, match="port, do_not_exit and disable_tls are for the Java server"):
        _choose_target(target if where == "argument" else None, *arguments)


def test_the_argument_port_is_explained() -> None:
    words = " ".join((xenon.init.__doc__ or "").split("do_not_exit:")[0].split())
    assert "port: The TCP port of a Java server on this machine, from 1 to 65535. Implies the target ``java:``" in words
    assert "By default no port is opened" in words


def test_every_exception_has_its_old_name() -> None:
    for name in (
        "UnknownRpcException AttributeNotSupportedException CopyCancelledException DirectoryNotEmptyException FileSystemClosedException "
        "IncompleteJobDescriptionException InvalidCredentialException InvalidJobDescriptionException InvalidLocationException "
        "InvalidOptionsException InvalidPathException InvalidPropertyException InvalidResumeTargetException NoSuchCopyException "
        "NoSuchJobException NoSuchPathException NoSuchQueueException PathAlreadyExistsException PropertyTypeException "
        "UnknownAdaptorException UnknownPropertyException UnsupportedJobDescriptionException UnsupportedOperationException "
        "XenonRuntimeException XenonException"
    ).split():
        assert issubclass(getattr(exceptions, name), xenon.XenonException)
    assert issubclass(TargetError, ValueError)
    assert issubclass(SessionError, xenon.XenonError) and issubclass(ServerUnavailableError, xenon.XenonError)


def test_a_fork_ends_by_itself_is_told_what_to_do_and_can_begin_anew() -> None:
    done = run("""
        import os, signal, sys, warnings
        import xenon

        warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # Python 3.12 warns of every fork while there are threads
        xenon.init(target="embedded:")
        filesystem = xenon.FileSystem.create("file")
        listing = filesystem.list("/", False)
        next(listing)

        def forked(work):
            sys.stdout.flush()
            if child := os.fork():
                return os.waitpid(child, 0)[1]
            signal.alarm(20)
            work()
            sys.exit(0)  # with everything that happens at the end of a program

        def use_what_was_open():
            for attempt in (lambda: filesystem.exists("/"), lambda: list(filesystem.list("/", False))):
                try:
                    attempt()
                except xenon.XenonError as error:
                    print(type(error).__name__, error)

        def begin_anew():
            xenon.init(target="embedded:")
            print(xenon.FileSystem.create("file").exists("/"))

        print([forked(work) for work in (lambda: None, use_what_was_open, begin_anew)])
        print(filesystem.exists("/"))
    """)
    lines = done.stdout.splitlines()
    assert all(line.startswith("SessionClosedError") and "forked from. Call xenon.init() in the new process" in line for line in lines[:2])
    assert lines[2:] == ["True", "[0, 0, 0]", "True"]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fork_reads_and_writes_files_though_the_threads_that_did_so_are_not_there() -> None:
    done = run("""
        import os, pathlib, signal, sys, tempfile, warnings
        import xenon

        warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # as above
        folder = pathlib.Path(tempfile.mkdtemp())
        (folder / "data").write_bytes(bytes(3_000_000))

        def use():
            filesystem = xenon.FileSystem.create("file")
            print(sum(map(len, filesystem.read_from_file(folder / "data"))), flush=True)
            filesystem.write_to_file(folder / "more", [b"more"])
            filesystem.delete(folder, recursive=True)

        xenon.init(target="embedded:")
        list(xenon.FileSystem.create("file").read_from_file(folder / "data"))  # which takes a thread
        if child := os.fork():
            print(os.waitpid(child, 0)[1], folder.exists())
        else:
            signal.alarm(20)
            with xenon.init(target="embedded:"):
                use()
    """)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["3000000", "0", "False"], "")


def test_an_asynchronous_source_that_calls_synchronously_is_told_so_instead_of_waiting_for_itself() -> None:
    done = run("""
        import faulthandler
        import xenon

        faulthandler.dump_traceback_later(30, exit=True)
        session = xenon.init(target="embedded:")
        filesystem = xenon.FileSystem.create("file")

        def attempt(work):
            async def source():
                yield b"begun"
                work()

            try:
                filesystem.write_to_file("/tmp/never.there", source())
            except RuntimeError as error:
                print(error)

        for work in (lambda: filesystem.exists("/"), lambda: next(filesystem.list("/")), session.close):
            attempt(work)
        print(filesystem.exists("/tmp/never.there"), session.is_open, xenon.init() is session)
        session.close()
    """)
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    assert all("would wait for itself for ever; await the asynchronous object there" in line for line in lines[:3])
    assert lines[3] == "False True True"


def test_python_ends_in_silence_with_everything_open() -> None:
    done = run("""
        import atexit, pathlib, queue, shutil, tempfile, threading, time
        import xenon

        folder = pathlib.Path(tempfile.mkdtemp())
        with open(folder / "data", "wb") as data:
            data.truncate(100_000_000)
        atexit.register(lambda: look_around())
        xenon.init(target="embedded:")
        filesystem = xenon.FileSystem.create("file")
        begun = threading.Event()

        def never_ending():
            while True:
                yield bytes(2_000_000)
                begun.set()
                time.sleep(0.01)

        def write():
            try:
                filesystem.write_to_file(folder / "more", never_ending())
            except xenon.XenonError as error:
                print(type(error).__name__, flush=True)

        def look_around():  # when the session has ended
            writer.join()
            print(list(folder.iterdir()))
            shutil.rmtree(folder)

        def nothing_more():
            yield b"hello\\n"
            queue.Queue().get()

        reader = filesystem.read_from_file(folder / "data")
        next(reader)
        listing = filesystem.list("/", recursive=True)
        next(listing)
        job, output = xenon.Scheduler.create("local").submit_interactive_job(xenon.JobDescription(executable="cat"), nothing_more())
        next(output)
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        begun.wait()
        filesystem.delete(folder / "data")
    """)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["SessionClosedError", "[]"], "")
