"""The owners of containers: labels with the session and its process, and the removal of containers whose owner has ended."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from pyxenon_testing.engine.connection import asking, connect_engine
from pyxenon_testing.engine.processes import HIDDEN, Place, start_of, this_place

if TYPE_CHECKING:
    from docker.models.containers import Container as DockerContainer

__all__ = ["LABEL", "Owner", "container_name", "orphans", "owned_containers", "remove_container", "remove_containers"]

LABEL = "org.pyxenon.testing"
_A_PERSON = "terminal"
_AT_ONCE = 4
_CONFLICT = 409  # its removal is in progress


@attrs.frozen
class Owner:
    """The owner of a container, who removes it: a process of this or another machine, or a person at a terminal.

    Attributes:
        session: The id that all containers of one session share.
        place: The machine and namespace of the process or person.
        pid: The process id; 0 for a person.
        started: The start of the process, which distinguishes it from a later one with the same pid.
    """

    session: str
    place: Place = attrs.field(factory=this_place)
    pid: int = 0
    started: str = ""

    @classmethod
    def this_process(cls, session: str) -> Owner:
        """Return this process as the owner of *session*."""
        return cls(session, this_place(), os.getpid(), start_of(os.getpid()) or "")

    def __str__(self) -> str:
        return _A_PERSON if self.pid == 0 else f"{self.pid}:{self.started}@{self.place}"

    @classmethod
    def parse(cls, session: str, text: str) -> Owner:
        """Return the owner of *session* from *text*, which ``str`` has written; raises ValueError for other text."""
        if text == _A_PERSON:
            return cls(session)
        process, _, place = text.partition("@")
        pid, _, started = process.partition(":")
        return cls(session, Place.parse(place), int(pid), started)

    def labels(self) -> dict[str, str]:
        """Return the labels by which a container and its owner are found later."""
        return {LABEL: "yes", f"{LABEL}.session": self.session, f"{LABEL}.owner": str(self)}

    @classmethod
    def of(cls, container: DockerContainer) -> Owner:
        """Return the owner of *container*, which must come from :func:`owned_containers`."""
        labels = container.attrs.get("Labels") or {}
        session = labels.get(f"{LABEL}.session", "")
        try:
            return cls.parse(session, labels.get(f"{LABEL}.owner", _A_PERSON))
        except ValueError:  # written by another release: the owner may be alive
            return cls(session, Place("elsewhere"), -1)

    def is_gone(self) -> bool:
        """Return True if the owner is known to have ended.

        False for a person, and for a process of another machine or pid namespace, about which nothing is known.
        """
        here = this_place()
        if self.pid == 0 or self.place.node != here.node:
            return False
        if self.place.boot != here.boot:
            return True  # this machine has been restarted since
        return self.place.processes == here.processes and start_of(self.pid) not in (self.started, HIDDEN)


def owned_containers(session: str | None = None) -> list[DockerContainer]:
    """Return the containers of *session*, or of all sessions, including stopped ones."""
    label = LABEL if session is None else f"{LABEL}.session={session}"
    with asking("list the containers of tests"):
        # Sparse, because a container that is removed during the listing would raise an error otherwise.
        return connect_engine().containers.list(all=True, filters={"label": label}, sparse=True)


def container_name(container: DockerContainer) -> str:
    """Return the name of *container*, which must come from :func:`owned_containers`: a sparse listing has it in another field."""
    names: list[str] = container.attrs["Names"]
    return names[0].lstrip("/")


def orphans() -> list[DockerContainer]:
    """Return the containers whose owners have ended without removing them, for example because they were killed."""
    return [container for container in owned_containers() if Owner.of(container).is_gone()]


def remove_containers(containers: list[DockerContainer]) -> None:
    """Remove *containers* and their volumes, several at a time; ignore those that are already gone.

    Raises EngineError for a container that cannot be removed, after all have been tried.
    """
    if containers:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            tried = [pool.submit(remove_container, container) for container in containers]
        for removal in tried:
            removal.result()


def remove_container(container: DockerContainer) -> None:
    """Remove *container*; does nothing if it is already gone or another process is removing it."""
    from docker.errors import APIError, NotFound

    with asking(f"remove the container {container.id}"):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
