"""The Docker engine: found, asked whether it answers, and kept for this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xenon_testing.errors import EngineUnavailableError

if TYPE_CHECKING:
    import docker

__all__ = ["connect_engine"]

# A build sends nothing while a package is being unpacked, and a machine with two cores unpacks slowly.
SECONDS_FOR_AN_ANSWER = 300


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

    try:
        engine = docker.from_env(timeout=SECONDS_FOR_AN_ANSWER)
        engine.ping()
    except DockerException as error:
        raise EngineUnavailableError(_reason(error)) from error
    return engine


def _reason(error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
    text = str(error)
    if "Permission denied" in text:
        advice = "You may not use it: join its group (sudo usermod -aG docker $USER, then log in anew), or run a rootless engine"
    else:
        advice = "Install Docker (Debian: apt-get install docker.io), start it, or name a running one with DOCKER_HOST"
    return f"no Docker engine answers at {where}: {text}. {advice}."
