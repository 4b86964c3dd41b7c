"""Whose container it is: labels that name the session and the process behind it, and the removal of what has no living owner."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs
import psutil

from xenon_testing.engine.connection import connect_engine

if TYPE_CHECKING:
    from docker.models.containers import Container as DockerContainer

__all__ = ["LABEL", "Owner", "container_name", "orphans", "owned_containers", "remove_containers"]

LABEL = "org.pyxenon.testing"
SECONDS_OF_TOLERANCE = 2.0
_A_PERSON = "terminal"
_AT_ONCE = 4


@attrs.frozen
class Owner:
    """Who takes a container away: a process of this or another machine, or a person at a terminal (process 0).

    Attributes:
        session: The id that all containers of one session share.
        node: The name of the machine on which the process runs.
        pid: The process; 0 for a person.
        started: When the process began, in seconds since the epoch, which tells it from a later one with the same pid.
    """

    session: str
    node: str = attrs.field(factory=platform.node)
    pid: int = 0
    started: float = 0.0

    @classmethod
    def this_process(cls, session: str) -> Owner:
        """This process, in a session of its own."""
        process = psutil.Process()
        return cls(session, platform.node(), process.pid, process.create_time())

    def __str__(self) -> str:
        return _A_PERSON if self.pid == 0 else f"{self.pid}:{self.started:.2f}@{self.node}"

    @classmethod
    def parse(cls, session: str, text: str) -> Owner:
        """The owner of *session* that ``str`` has written as *text*; raises ValueError for what it has not."""
        if text == _A_PERSON:
            return cls(session)
        process, _, node = text.partition("@")
        pid, _, started = process.partition(":")
        return cls(session, node, int(pid), float(started))

    def labels(self) -> dict[str, str]:
        """What a container carries to be found, and known by, later."""
        return {LABEL: "yes", f"{LABEL}.session": self.session, f"{LABEL}.owner": str(self)}

    @classmethod
    def of(cls, container: DockerContainer) -> Owner:
        """The owner that *container*, as :func:`owned_containers` lists it, carries."""
        labels = container.attrs.get("Labels") or {}
        return cls.parse(labels.get(f"{LABEL}.session", ""), labels.get(f"{LABEL}.owner", _A_PERSON))

    def is_gone(self) -> bool:
        """Whether the owner is known to have ended: False for a person, and for a process of another machine, of which nothing is known."""
        if self.pid == 0 or self.node != platform.node():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > SECONDS_OF_TOLERANCE
        except psutil.NoSuchProcess:
            return True


def owned_containers(session: str | None = None) -> list[DockerContainer]:
    """The containers of *session*, or of all sessions, also those that have stopped."""
    label = LABEL if session is None else f"{LABEL}.session={session}"
    # Sparse, since a container that goes away during the listing would be an error otherwise.
    return connect_engine().containers.list(all=True, filters={"label": label}, sparse=True)


def container_name(container: DockerContainer) -> str:
    """The name of *container*, as :func:`owned_containers` lists it: a listing has it in another place than the engine's full answer."""
    names: list[str] = container.attrs["Names"]
    return names[0].lstrip("/")


def orphans() -> list[DockerContainer]:
    """The containers whose owners have ended without taking them away, as a process does that is killed."""
    return [container for container in owned_containers() if Owner.of(container).is_gone()]


def remove_containers(containers: list[DockerContainer]) -> None:
    """Remove *containers* and their volumes, some at once; one that is gone already is no error."""
    if containers:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(_remove, containers))


def _remove(container: DockerContainer) -> None:
    from docker.errors import APIError, NotFound

    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # its removal is in progress, by another process
            raise
