"""A xenon-grpc server as a child process: started, waited for, watched and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pyxenon_core.errors import ServerStartError
from pyxenon_core.targets import TlsKeys
from pyxenon_java import folders, supervisor
from pyxenon_java.errors import PortTakenError
from pyxenon_java.java import find_java
from pyxenon_java.keys import KeyFiles, read_client_keys, write_keys
from pyxenon_java.logs import LogFile, LogPump, ServerLog, logger
from pyxenon_java.ports import free_port, is_listening, listens_itself
from pyxenon_java.probe import answers
from pyxenon_java.release import PINNED, find_jar, release_name

__all__ = ["ServerProcess", "start_server", "stop_server"]

TIMEOUT_VARIABLE = "XENON_START_TIMEOUT"
_DEFAULT_TIMEOUT = 30.0
_TRIES = 5
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_FOR_FIRST_CALL = 1.0  # each further one may take twice as long: a stranger that never answers is left soon, a slow machine served
_SECONDS_FOR_A_CALL = 8.0
_SECONDS_TO_STOP = 6.0  # the supervisor gives the server three before it kills it
_LOG_FILE = "server.log"
# Its netty reaches into the Java runtime in ways that Java 24 and later warn about in many lines; earlier ones do not know these options.
_JAVA_OPTIONS = ("-XX:+IgnoreUnrecognizedVMOptions", "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


class ServerProcess:
    """A xenon-grpc server that this program has started. :func:`start_server` makes one.

    ``port`` is where it listens, ``keys`` is what a client needs (None when it speaks plain gRPC) and ``folder`` is private to it.
    ``release`` is what it is, such as ``xenon-grpc 3.0.1``; empty when that is not known.
    """

    release = ""

    def __init__(self, popen: subprocess.Popen[bytes], port: int, keys: TlsKeys | None, folder: Path, log: ServerLog) -> None:
        self.port = port
        self.keys = keys
        self.folder = folder
        self._popen = popen
        self._log = log
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._stopped = False

    def __repr__(self) -> str:
        return f"<ServerProcess on {self.address}, supervised by process {self._popen.pid}>"

    @property
    def address(self) -> str:
        """``host:port`` on the loopback interface; the server's certificate is made out to this host."""
        return f"127.0.0.1:{self.port}"

    @property
    def supervisor_pid(self) -> int:
        """The process that watches over the server."""
        return self._popen.pid

    def stop(self) -> None:
        """End the server, wait until it has ended and its folder is gone: at most some seconds. May be called twice, from any thread.

        In a fork of the program that started the server this does nothing.
        """
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._stopped = self._stopped or self._popen.poll() is None
            self._end()
            folders.remove_folder(self.folder)
        self._log.finish()

    def diagnose(self) -> str:
        """What became of the server, in words, with its last log lines; empty while it runs."""
        if self._popen.poll() is None:
            return ""
        if self._stopped:
            return f"the xenon-grpc server on port {self.port} was stopped by this program"
        self._log.finish()
        return f"the xenon-grpc server on port {self.port} {_ending(self._popen.returncode)}; {_last_words(self._log)}"

    def wait_until_ready(self, deadline: float) -> None:
        """Return once the server has answered a call; *deadline* is of the monotonic clock, in seconds.

        Raises :class:`PortTakenError` when another program has its port, and ServerStartError when it ends or does not answer in time.
        """
        patience = _SECONDS_FOR_FIRST_CALL
        while not self._is_ready(patience):
            patience = min(2 * patience, _SECONDS_FOR_A_CALL) if is_listening(self.port) else patience
            if self._popen.poll() is not None:
                self._raise_ended()
            if time.monotonic() > deadline:
                raise ServerStartError(
                    f"cannot start xenon-grpc {PINNED.version}: it did not answer on port {self.port} in time; {_last_words(self._log)}\n"
                    f"A slow machine may need a higher {TIMEOUT_VARIABLE} (seconds)."
                )
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _is_ready(self, patience: float) -> bool:
        """Over TLS only this very server can answer. Plain gRPC proves nothing, so the listening socket must be this server's."""
        if not is_listening(self.port):
            return False
        ours = self.keys is not None or listens_itself(self._java_pid(), self.port)
        return ours and answers(self.address, self.keys, patience) and self._popen.poll() is None

    def _java_pid(self) -> int:
        try:
            return int((self.folder / supervisor.PID_FILE).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return -1  # not started yet

    def _raise_ended(self) -> None:
        self._log.finish()
        if any("java.net.BindException" in line for line in self._log.last_lines()):
            raise PortTakenError(
                f"cannot start xenon-grpc {PINNED.version} on port {self.port}: another program listens there. Try another port."
            )
        raise ServerStartError(f"cannot start xenon-grpc {PINNED.version}: {self.diagnose()}")

    def _end(self) -> None:
        if self._popen.poll() is not None:
            return
        self._popen.terminate()
        try:
            self._popen.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)  # it leads the group that the server is in
            self._popen.wait()


def start_server(
    port: int | None = None, *, tls: bool = True, linger: bool = False, home: Path | None = None, jar: Path | None = None
) -> ServerProcess:
    """Start a xenon-grpc server and wait until it answers: the pinned release, or another that is in *jar*.

    Without *port* it takes a free one. With *tls* off it speaks plain gRPC to everyone who can reach the port. With *linger* it outlives
    this program, until :meth:`ServerProcess.stop` or :func:`stop_server`. It takes *home*, the absolute path of a folder, for the user's
    home: known hosts, ssh configuration and keys are read there. Raises :class:`PortTakenError` when *port* is in use, and another
    ServerStartError when *home* is no such folder, there is no Java or no jar, or the server does not come up in ``XENON_START_TIMEOUT``
    seconds (30).
    """
    if home is not None and (reason := folders.why_no_home(home)):
        raise ServerStartError(f"cannot start xenon-grpc with the home folder {str(home)!r}: {reason}")
    # Java asks the system for the home folder, and not the environment.
    place = [] if home is None else [f"-Duser.home={home}"]
    jar = jar or find_jar()
    java = [str(find_java()), *_JAVA_OPTIONS, *place, "-jar", str(jar)]
    deadline = time.monotonic() + _timeout()
    if not tls:
        _warn_of_plain()
    process = _start_on_a_port(java, port, tls, linger, home, deadline)
    process.release = release_name(jar)
    return process


def _start_on_a_port(java: list[str], port: int | None, tls: bool, linger: bool, home: Path | None, deadline: float) -> ServerProcess:
    for _ in range(_TRIES - 1):
        try:
            return _start(java, port, tls, linger, home, deadline)
        except PortTakenError:
            if port is not None:
                raise
    return _start(java, port, tls, linger, home, deadline)  # somebody was faster on every other port that was free a moment before


def stop_server(port: int, timeout: float = 10.0) -> bool:
    """Stop this user's servers on *port*, also those that other programs have started; returns whether there was one.

    It only knows servers that were started on a port of the user's choice. Raises TimeoutError when one is still there after *timeout*
    seconds.
    """
    found = list(folders.shared_folders(port))
    for folder in found:
        with suppress(FileNotFoundError):
            (folder / supervisor.STOP_FILE).touch(mode=0o600)
    deadline = time.monotonic() + timeout
    running = bool(found) and is_listening(port)
    while running and is_listening(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"cannot stop the xenon-grpc server on port {port}: something still listens there after {timeout:g} seconds")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    for folder in found:
        folders.remove_folder(folder)
    return running


def _start(java: list[str], port: int | None, tls: bool, linger: bool, home: Path | None, deadline: float) -> ServerProcess:
    folder = folders.make_folder(port)
    try:
        process = _spawn(java, port or free_port(), tls, linger, home, folder)
    except BaseException:
        folders.remove_folder(folder)
        raise
    try:
        process.wait_until_ready(deadline)
    except BaseException:  # Ctrl-C among them
        process.stop()
        raise
    if port is not None:
        folders.remove_stale_folders(port, folder)
    logger.info("xenon-grpc %s listens on port %d", PINNED.version, process.port)
    return process


def _spawn(java: list[str], port: int, tls: bool, linger: bool, home: Path | None, folder: Path) -> ServerProcess:
    command = [*_supervisor_command(folder, linger), *java, "--port", str(port)]
    keys: TlsKeys | None = None
    if tls:
        command += _tls_arguments(write_keys(folder))
        keys = read_client_keys(folder)
    if linger:
        path = folder / _LOG_FILE
        with path.open("xb") as output:
            return ServerProcess(_run(command, output, home), port, keys, folder, LogFile(path))
    popen = _run(command, subprocess.PIPE, home)
    if popen.stdout is None:
        raise ServerStartError("cannot start xenon-grpc: its output cannot be read")
    return ServerProcess(popen, port, keys, folder, LogPump(popen.stdout))


def _run(command: list[str], output: int | BinaryIO, home: Path | None) -> subprocess.Popen[bytes]:
    # What the server starts, such as the jobs of its local scheduler, goes by the environment.
    environment = None if home is None else {**os.environ, "HOME": str(home)}
    # A session of its own keeps the terminal's Ctrl-C away from the server, so that this program can end what it does first.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=environment
    )


def _supervisor_command(folder: Path, linger: bool) -> list[str]:
    if not sys.executable or os.name != "posix":
        raise ServerStartError(
            "cannot start xenon-grpc: this takes a Python executable on Linux or macOS. Start it yourself; use grpcs://."
        )
    lingering = ["--linger"] if linger else []
    return [sys.executable, "-I", "-S", supervisor.__file__, "--parent", str(os.getpid()), "--folder", str(folder), *lingering, "--"]


def _tls_arguments(files: KeyFiles) -> list[str]:
    server = ["--server-cert-chain", str(files.server_certificate), "--server-private-key", str(files.server_key)]
    return [*server, "--client-cert-chain", str(files.client_certificate)]


def _warn_of_plain() -> None:
    logger.warning(
        "xenon-grpc runs without TLS: it listens on every network interface, and anyone who can reach its port, from this machine or the "
        "network, can use it with your rights"
    )


def _timeout() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        return float(text) if text else _DEFAULT_TIMEOUT
    except ValueError:
        raise ServerStartError(f"cannot start xenon-grpc: {TIMEOUT_VARIABLE} is {text!r}; give a number of seconds, such as 60") from None


def _ending(code: int) -> str:
    number = -code if code < 0 else code - 128
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"ended with exit code {code}"


def _last_words(log: ServerLog) -> str:
    lines = log.last_lines()
    return "it wrote nothing" if not lines else "its last lines were:\n" + "\n".join(lines)
