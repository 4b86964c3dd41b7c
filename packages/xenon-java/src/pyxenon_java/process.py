"""Run a xenon-grpc server as a child process: start it, wait for it, watch it and stop it."""

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
_SECONDS_FOR_FIRST_CALL = 1.0  # doubled for each further call: another program that never answers is given up soon, a slow server is not
_SECONDS_FOR_A_CALL = 8.0
_SECONDS_TO_STOP = 6.0  # the supervisor kills the server after three
_LOG_FILE = "server.log"
# Netty uses internals of the Java runtime, about which Java 24 and later print many warnings; earlier versions do not know these options.
_JAVA_OPTIONS = ("-XX:+IgnoreUnrecognizedVMOptions", "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


class ServerProcess:
    """A xenon-grpc server that this program has started with :func:`start_server`.

    ``port`` is the port it listens on, ``keys`` are the keys that a client needs (None for plain gRPC), and ``folder`` is its private
    folder. ``release`` is its name and version, such as ``xenon-grpc 3.0.1``; empty when unknown.
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
        """``host:port`` on the loopback interface, the host that the server's certificate is issued for."""
        return f"127.0.0.1:{self.port}"

    @property
    def supervisor_pid(self) -> int:
        """The id of the process that watches the server."""
        return self._popen.pid

    def stop(self) -> None:
        """Stop the server, wait some seconds at most for its end, and remove its folder. May be called twice, and from any thread.

        Does nothing in a fork of the program that started the server.
        """
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._stopped = self._stopped or self._popen.poll() is None
            self._end()
            folders.remove_folder(self.folder)
        self._log.finish()

    def diagnose(self) -> str:
        """Say how the server ended, with its last log lines; return an empty string while it runs."""
        if self._popen.poll() is None:
            return ""
        if self._stopped:
            return f"the xenon-grpc server on port {self.port} was stopped by this program"
        self._log.finish()
        return f"the xenon-grpc server on port {self.port} {_ending(self._popen.returncode)}; {_last_words(self._log)}"

    def wait_until_ready(self, deadline: float) -> None:
        """Wait until the server has answered a call; *deadline* is in seconds of the monotonic clock.

        Raises :class:`PortTakenError` if another program has its port, and ServerStartError if it ends or does not answer in time.
        """
        patience = _SECONDS_FOR_FIRST_CALL
        while not self._is_ready(patience):
            patience = min(2 * patience, _SECONDS_FOR_A_CALL) if is_listening(self.port) else patience
            if self._popen.poll() is not None:
                self._raise_ended()
            if time.monotonic() > deadline:
                raise ServerStartError(
                    f"cannot start xenon-grpc {PINNED.version}: it did not answer on port {self.port} in time; {_last_words(self._log)}\n"
                    f"On a slow machine, raise {TIMEOUT_VARIABLE} (seconds)."
                )
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _is_ready(self, patience: float) -> bool:
        """Return True if this server answers. Over plain gRPC any server could, so its process must own the listening socket."""
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
                f"cannot start xenon-grpc {PINNED.version} on port {self.port}: another program uses the port. Choose another port."
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
                os.killpg(self._popen.pid, signal.SIGKILL)  # the supervisor leads the server's process group
            self._popen.wait()


def start_server(
    port: int | None = None, *, tls: bool = True, linger: bool = False, home: Path | None = None, jar: Path | None = None
) -> ServerProcess:
    """Start a xenon-grpc server, of the pinned release or from *jar*, and wait until it answers.

    Without *port* it uses a free one. With ``tls=False`` it serves plain gRPC to everyone who can reach the port. With *linger* it
    outlives this program, until :meth:`ServerProcess.stop` or :func:`stop_server`. *home*, the absolute path of a folder, replaces the
    user's home: known hosts, ssh configuration and keys are read there. Raises :class:`PortTakenError` if *port* is in use, and another
    ServerStartError if *home* is not such a folder, Java or the jar is missing, or the server does not answer within
    ``XENON_START_TIMEOUT`` seconds (default: 30).
    """
    if home is not None and (reason := folders.why_no_home(home)):
        raise ServerStartError(f"cannot start xenon-grpc with the home folder {str(home)!r}: {reason}")
    # Java takes the home folder from the system, not from the environment.
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
    return _start(java, port, tls, linger, home, deadline)  # other programs took each of the free ports first


def stop_server(port: int, timeout: float = 10.0) -> bool:
    """Stop this user's servers on *port*, also those started by other programs; return True if there was one.

    Finds only servers that were started with a given port. Raises TimeoutError if one still listens after *timeout* seconds.
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
    except BaseException:  # including Ctrl-C
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
    # Processes that the server starts, such as jobs of its local scheduler, take the home from the environment.
    environment = None if home is None else {**os.environ, "HOME": str(home)}
    # In its own session the server does not get the terminal's Ctrl-C, so that this program can finish its calls first.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=environment
    )


def _supervisor_command(folder: Path, linger: bool) -> list[str]:
    if not sys.executable or os.name != "posix":
        raise ServerStartError(
            "cannot start xenon-grpc: this needs a Python executable on Linux or macOS. Start the server yourself and use grpcs://."
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
        raise ServerStartError(
            f"cannot start xenon-grpc: {TIMEOUT_VARIABLE} is {text!r}; set it to a number of seconds, such as 60"
        ) from None


def _ending(code: int) -> str:
    number = -code if code < 0 else code - 128
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"ended with exit code {code}"


def _last_words(log: ServerLog) -> str:
    lines = log.last_lines()
    return "it wrote nothing" if not lines else "its last lines were:\n" + "\n".join(lines)
