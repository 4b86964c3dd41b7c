"""The Docker engine: found, asked whether it answers, and kept for this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyxenon_testing.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    import docker

__all__ = ["asking", "connect_engine"]

# A build sends nothing while a package is being unpacked, and a machine with two cores unpacks slowly.
SECONDS_FOR_AN_ANSWER = 300
SECONDS_FOR_A_GREETING = 10


_engines: dict[int, docker.DockerClient] = {}


def connect_engine() -> docker.DockerClient:
    """The engine that ``DOCKER_HOST`` names, or this machine's own; raises :class:`EngineUnavailableError` when none answers.

    There is one connection for each process: a fork must not use its parent's sockets.
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
    """Turn what the engine, or the way to it, fails with into an :class:`EngineError`; *what* completes "could not"."""
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
        advice = "You may not use it: join its group (sudo usermod -aG docker $USER, then log in anew), or run a rootless engine"
    else:
        advice = "Install Docker (Debian: apt-get install docker.io), start it, or name a running one with DOCKER_HOST"
    return f"no Docker engine answers at {where}: {text}. {advice}."
