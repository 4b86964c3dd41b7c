"""The list of servers in Docker, of terminals and of test sessions, including those left behind."""

from __future__ import annotations

import contextlib
import platform
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from pyxenon_testing.engine.ownership import LABEL, Owner, container_name, owned_containers
from pyxenon_testing.servers.running import SUITE_LABEL
from pyxenon_testing.servers.terminal import NamedServer, named_servers

if TYPE_CHECKING:
    from docker.models.containers import Container as DockerContainer

__all__ = ["Row", "list_servers", "show_log"]

PIECES_AHEAD = 16
SECONDS_BETWEEN_SIGNALS = 0.2


@attrs.frozen
class Row:
    """A container, as shown in the list.

    Attributes:
        name: Its name for ``down`` and ``logs``: the server's name, or the container's if a test session has started it.
        kind: The kind of server.
        suite: The Debian suite it runs.
        where: Its address on this machine, or why it has none.
        age: The seconds since it was created.
        owner: Its owner, who removes it.
    """

    name: str
    kind: str
    suite: str
    where: str
    age: float
    owner: str


def list_servers(root: Path | None = None) -> list[Row]:
    """Return all servers on the engine, those of terminals first, then the oldest first."""
    named = {server.owner.session: server for server in named_servers(root)}
    containers = sorted(owned_containers(), key=lambda container: (Owner.of(container).pid, container.attrs["Created"]))
    return [_row(container, named.get(Owner.of(container).session)) for container in containers]


def show_log(name: str, follow: bool, output: IO[bytes]) -> None:
    """Write the logs of the daemons of the server *name* to *output*; with *follow*, continue until it ends.

    *name* may also be a container's name. Raises NotRunningError if neither exists.
    """
    named = NamedServer(name)
    session = named.owner.session
    for container in owned_containers():
        if session == Owner.of(container).session or name == container_name(container):
            for piece in _interruptible(container.logs(stream=True, follow=follow)):
                output.write(piece)
                output.flush()
            return
    raise named.not_running()


def _interruptible(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *pieces*, and let signals be handled while the next one is waited for.

    A signal that arrives just before a read blocks does not interrupt it, so a thread reads, and each wait for it is short.
    """
    received: queue.Queue[bytes | BaseException | None] = queue.Queue(PIECES_AHEAD)
    threading.Thread(target=_read_into, args=(pieces, received), daemon=True).start()
    while (piece := _next(received)) is not None:
        if isinstance(piece, BaseException):
            raise piece
        yield piece


def _read_into(pieces: Iterable[bytes], received: queue.Queue[bytes | BaseException | None]) -> None:
    try:
        for piece in pieces:
            received.put(piece)
    except BaseException as error:  # noqa: BLE001 - raised again by who waits for the pieces
        received.put(error)
    received.put(None)


def _next(received: queue.Queue[bytes | BaseException | None]) -> bytes | BaseException | None:
    while True:
        with contextlib.suppress(queue.Empty):
            return received.get(timeout=SECONDS_BETWEEN_SIGNALS)


def _row(container: DockerContainer, named: NamedServer | None) -> Row:
    labels = container.attrs.get("Labels") or {}
    return Row(
        name=named.name if named else container_name(container),
        kind=labels.get(f"{LABEL}.kind", "?"),
        suite=labels.get(SUITE_LABEL, "?"),
        where=_where(container.attrs),
        age=time.time() - container.attrs["Created"],
        owner=_owner(Owner.of(container), named),
    )


def _where(facts: Mapping[str, Any]) -> str:
    """Return the address of the main port, which has the lowest number in the container."""
    if facts["State"] != "running":
        return str(facts["State"])
    published = [port for port in facts.get("Ports") or [] if port.get("PublicPort")]
    main = min(published, key=lambda port: int(port["PrivatePort"]), default=None)
    return f"{main['IP']}:{main['PublicPort']}" if main else "no port"


def _owner(owner: Owner, named: NamedServer | None) -> str:
    if owner.pid == 0:
        return "another's terminal" if named is None else _state(named)
    if owner.place.node != platform.node():
        return f"tests, pid {owner.pid} on {owner.place.node}"
    return f"tests, pid {owner.pid}{' (ended)' if owner.is_gone() else ''}"


def _state(named: NamedServer) -> str:
    if named.is_busy():
        return "terminal (starting)"
    if named.is_elsewhere():
        return "terminal (lost)"
    return "terminal" if named.find() else "terminal (lost)"
