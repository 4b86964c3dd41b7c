"""The target ``java:``, for the entry point group ``xenon.targets``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pyxenon_core.errors import TargetError
from pyxenon_core.targets import GrpcEndpoint, Target, TlsKeys
from pyxenon_java.errors import PortTakenError
from pyxenon_java.folders import shared_folders, why_no_home
from pyxenon_java.keys import read_client_keys
from pyxenon_java.logs import logger
from pyxenon_java.ports import free_port, is_listening
from pyxenon_java.probe import answers
from pyxenon_java.process import ServerProcess, start_server

__all__ = ["open_target"]

_SECONDS_FOR_A_CALL = 3.0
_SECONDS_TO_RECOGNISE = 3.0
_LAST_PORT = 65535


def open_target(target: Target) -> GrpcEndpoint:
    """Start or find a xenon-grpc server for ``java:[?port=N][&tls=on|off][&linger=yes|no][&home=/path]``.

    Without ``port`` a new server is started on a free port. With it, this user's server on that port is used, or one is started.
    ``close`` of the endpoint stops the server only if this call started it; with ``linger=yes`` it outlives the program, but not ``close``.
    ``home``, the absolute path of a folder (``~`` is expanded), replaces the user's home for a server that is started: it reads
    ``.ssh/known_hosts``, ``.ssh/config`` and the keys in ``.ssh`` there, never the user's own, and its local jobs have it as ``HOME``.
    Raises TargetError for an invalid option, and for ``home`` with the ``port`` of a running server; raises ServerStartError if no server
    is found and none can be started.
    """
    if target.address:
        raise TargetError(target.text, "java: takes no address; for a server on another machine use grpcs://host:port")
    options = target.accept_options("port", "tls", "linger", "home")
    port = _port(target, options.get("port"))
    tls = _choice(target, "tls", options.get("tls", "on"), ("on", "off"))
    linger = _choice(target, "linger", options.get("linger", "no"), ("yes", "no"))
    home = _home(target, options.get("home"))
    if port is None and linger:
        port = free_port()  # with a known port it can be found again, and stopped
        logger.warning("the server outlives this program, on port %d; stop it with pyxenon_java.stop_server(%d)", port, port)
    if port is None:
        return _own(start_server(tls=tls, linger=linger, home=home))
    return _on_port(target, port, tls, linger, home)


def _on_port(target: Target, port: int, tls: bool, linger: bool, home: Path | None) -> GrpcEndpoint:
    if not is_listening(port):
        try:
            return _own(start_server(port, tls=tls, linger=linger, home=home))
        except PortTakenError:
            if not is_listening(port):
                raise  # in use on another interface than the loopback
    if home is not None:
        raise TargetError(target.text, f"port {port} is in use, and a running server keeps its home; omit port or home")
    return _running(port, tls)  # it ran before, or another program has just started it


def _own(process: ServerProcess) -> GrpcEndpoint:
    return GrpcEndpoint(process.address, process.keys, process.stop, process.diagnose, process.release)


def _running(port: int, tls: bool) -> GrpcEndpoint:
    """Return the running server on *port*, after checking that it is this user's (with TLS) or a Xenon server (without)."""
    address = f"127.0.0.1:{port}"
    deadline = time.monotonic() + _SECONDS_TO_RECOGNISE
    while True:
        for keys in _keys_for(port) if tls else [None]:
            if answers(address, keys, _SECONDS_FOR_A_CALL):
                return GrpcEndpoint(address, keys, diagnose=partial(_diagnose_running, port))
        if time.monotonic() > deadline:
            raise PortTakenError(_taken(port, tls))
        time.sleep(0.1)  # it may have just begun to listen


def _keys_for(port: int) -> Iterator[TlsKeys]:
    for folder in shared_folders(port):
        try:
            yield read_client_keys(folder)
        except OSError:
            continue  # a server without TLS, or one that has ended meanwhile


def _taken(port: int, tls: bool) -> str:
    other = "use tls=off if the server there runs without TLS" if tls else "use tls=on if the server there runs with TLS"
    return (
        f"cannot use port {port} for xenon-grpc: it is in use by something that is not your Xenon server. "
        f"Choose another port, omit the port to use a free one, or {other}."
    )


def _diagnose_running(port: int) -> str:
    """Say whether a server that another program started has ended; return an empty string while it listens."""
    return "" if is_listening(port) else f"the xenon-grpc server on port {port}, started by another program, has ended"


def _port(target: Target, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT):
        raise TargetError(target.text, f"its option port is {text!r}; it must be a number from 1 to {_LAST_PORT}")
    return int(text)


def _home(target: Target, text: str | None) -> Path | None:
    if text is None:
        return None
    try:
        home = Path(text).expanduser()
        reason = why_no_home(home)
    except (RuntimeError, ValueError) as error:  # ~ of an unknown user, or a null character
        raise TargetError(target.text, f"its option home is {text!r}, which names no folder: {error}") from error
    if reason:
        raise TargetError(target.text, f"its option home is {text!r}: {reason}")
    return home


def _choice(target: Target, name: str, text: str, words: tuple[str, str]) -> bool:
    """Return True if the value *text* of the option *name* is the first of its two *words*."""
    if text not in words:
        raise TargetError(target.text, f"its option {name} is {text!r}; it must be {words[0]} or {words[1]}")
    return text == words[0]
