"""Whose container it is: labels that name the session and the process behind it, and the removal of what has no living owner."""

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
    """Who takes a container away: a process of this or another machine, or a person at a terminal (process 0).

    Attributes:
        session: The id that all containers of one session share.
        place: Where the process runs, or a person works.
        pid: The process; 0 for a person.
        started: What tells the process from a later one with the same pid.
    """

    session: str
    place: Place = attrs.field(factory=this_place)
    pid: int = 0
    started: str = ""

    @classmethod
    def this_process(cls, session: str) -> Owner:
        """This process, in a session of its own."""
        return cls(session, this_place(), os.getpid(), start_of(os.getpid()) or "")

    def __str__(self) -> str:
        return _A_PERSON if self.pid == 0 else f"{self.pid}:{self.started}@{self.place}"

    @classmethod
    def parse(cls, session: str, text: str) -> Owner:
        """The owner of *session* that ``str`` has written as *text*; raises ValueError for what it has not."""
        if text == _A_PERSON:
            return cls(session)
        process, _, place = text.partition("@")
        pid, _, started = process.partition(":")
        return cls(session, Place.parse(place), int(pid), started)

    def labels(self) -> dict[str, str]:
        """What a container carries to be found, and known by, later."""
        return {LABEL: "yes", f"{LABEL}.session": self.session, f"{LABEL}.owner": str(self)}

    @classmethod
    def of(cls, container: DockerContainer) -> Owner:
        """The owner that *container*, as :func:`owned_containers` lists it, carries."""
        labels = container.attrs.get("Labels") or {}
        session = labels.get(f"{LABEL}.session", "")
        try:
            return cls.parse(session, labels.get(f"{LABEL}.owner", _A_PERSON))
        except ValueError:  # of another release: whether its owner lives is not known
            return cls(session, Place("elsewhere"), -1)

    def is_gone(self) -> bool:
        """Whether the owner is known to have ended.

        False for a person, and for a process of another machine or of a container with processes of its own, of which nothing is known.
        """
        here = this_place()
        if self.pid == 0 or self.place.node != here.node:
            return False
        if self.place.boot != here.boot:
            return True  # this machine has been started anew since
        return self.place.processes == here.processes and start_of(self.pid) not in (self.started, HIDDEN)


def owned_containers(session: str | None = None) -> list[DockerContainer]:
    """The containers of *session*, or of all sessions, also those that have stopped."""
    label = LABEL if session is None else f"{LABEL}.session={session}"
    with asking("list the containers of tests"):
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
    """Remove *containers* and their volumes, some at once; one that is gone already is no error.

    Raises an EngineError for one that cannot be removed, once all have been tried.
    """
    if containers:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            tried = [pool.submit(remove_container, container) for container in containers]
        for removal in tried:
            removal.result()


def remove_container(container: DockerContainer) -> None:
    """Remove *container*; that it is gone already, or that another process is removing it, is no error."""
    from docker.errors import APIError, NotFound

    with asking(f"remove the container {container.id}"):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
