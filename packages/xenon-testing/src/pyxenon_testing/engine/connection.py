"""The connection to the Docker engine, one for each process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyxenon_testing.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    import docker

__all__ = ["asking", "connect_engine"]

# A build sends nothing while it unpacks a package, which is slow on a machine with two cores.
SECONDS_FOR_AN_ANSWER = 300
SECONDS_FOR_A_GREETING = 10


_engines: dict[int, docker.DockerClient] = {}


def connect_engine() -> docker.DockerClient:
    """Return the engine that ``DOCKER_HOST`` names, or this machine's own; raises :class:`EngineUnavailableError` if it does not answer.

    Each process has its own connection, because a fork must not use its parent's sockets.
    """
    if os.getpid() not in _engines:
        _engines[os.getpid()] = _connect()
    return _engines[os.getpid()]


def _connect() -> docker.DockerClient:
    import docker
    from docker.errors import DockerException
    from requests import RequestException

    try:
        engine = docker.from_env(timeout=SECONDS_FOR_A_GREETING)
        engine.ping()
    except (DockerException, RequestException) as error:
        raise EngineUnavailableError(_reason(error)) from error
    engine.close()
    return docker.from_env(timeout=SECONDS_FOR_AN_ANSWER)


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn errors of the engine, or of the connection to it, into :class:`EngineError`; *what* completes "could not"."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise EngineError(f"the Docker engine could not {what}: {getattr(error, 'explanation', None) or error}") from error


def _reason(error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
    text = str(error)
    if "Permission denied" in text:
        advice = "You have no access to it: join its group (sudo usermod -aG docker $USER, then log in again), or run a rootless engine"
    else:
        advice = "Install Docker (Debian: apt-get install docker.io), start it, or set DOCKER_HOST to a running engine"
    return f"no Docker engine answers at {where}: {text}. {advice}."
