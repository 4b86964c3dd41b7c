"""Start, inspect, pause and remove containers; their secrets are in files."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import attrs

from pyxenon_testing.engine.connection import asking, connect_engine
from pyxenon_testing.engine.folders import private_folder
from pyxenon_testing.engine.ownership import LABEL, Owner, remove_container
from pyxenon_testing.errors import ContainerCommandError, EngineError, ServerNotReadyError

if TYPE_CHECKING:
    from docker.models.containers import Container as DockerContainer

__all__ = ["Container", "ContainerSpec", "run_container"]

LOOPBACK = "127.0.0.1"
LINES_OF_THE_LOG = 20


@attrs.frozen
class ContainerSpec:
    """The container to run.

    Attributes:
        image: The image's tag.
        kind: The kind of server, such as ``ssh``.
        name: The container's name; unique on the engine.
        ports: The container's ports to publish, each with its port on 127.0.0.1, or None for a free one.
        environment: Variables. Every user of the engine can read them, so they must not be secret.
        files: Files to put into the container before it starts, by absolute path. Only root can read them there.
        hostname: The container's own host name.
        tmpfs: Disks in memory, by mount point, with their mount options.
        labels: Further labels.
    """

    image: str
    kind: str
    name: str
    ports: Mapping[int, int | None] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict)
    files: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)
    hostname: str | None = None
    tmpfs: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Container:
    """A running container.

    Attributes:
        id: Its id on the engine.
        name: Its name, for ``docker logs NAME``.
        address: Its address on the engine's network, for other containers.
        ports: The port on 127.0.0.1 for each published port of the container.
        image: The tag of its image.
    """

    id: str
    name: str
    address: str
    ports: Mapping[int, int]
    image: str

    def execute(self, command: Sequence[str], user: str = "root", environment: Mapping[str, str] | None = None) -> str:
        """Run *command* in it as *user* and return its output; raises :class:`ContainerCommandError` if it fails.

        No shell is involved. Every user of the engine can see the command, so it must not contain secrets.
        """
        with asking(f"run {' '.join(command)} in the container {self.name}"):
            code, output = self._docker().exec_run(list(command), user=user, environment=dict(environment or {}))
        text = b"".join([output] if isinstance(output, bytes) else output).decode("utf-8", "replace")
        if code:
            raise ContainerCommandError(f"the command {' '.join(command)} in the container {self.name} ended with {code}:\n{text}")
        return text

    def log(self, lines: int | Literal["all"] = "all") -> str:
        """Return the last *lines* of its daemons' output, or all; empty if the container is gone."""
        from docker.errors import NotFound

        with asking(f"show the log of the container {self.name}"):
            try:
                return bytes(self._docker().logs(tail=lines)).decode("utf-8", "replace")
            except NotFound:
                return ""

    def state(self) -> str:
        """Return the engine's word for its state, such as ``running``, ``paused`` or ``exited``; ``gone`` if it was removed."""
        from docker.errors import NotFound

        with asking(f"tell the state of the container {self.name}"):
            try:
                return str(self._docker().status)
            except NotFound:
                return "gone"

    def is_running(self) -> bool:
        """Return True if it is running or paused, False if it has ended or is gone."""
        return self.state() in ("running", "paused")

    def pause(self) -> None:
        """Freeze all its processes: connections stay open, but nothing answers."""
        with asking(f"pause the container {self.name}"):
            self._docker().pause()

    def unpause(self) -> None:
        """Resume its processes; does nothing if it is not paused."""
        if self.state() == "paused":
            with asking(f"resume the container {self.name}"):
                self._docker().unpause()

    def remove(self) -> None:
        """Remove it, running or not; does nothing if it is gone."""
        from docker.errors import NotFound

        with asking(f"find the container {self.name}"), contextlib.suppress(NotFound):
            remove_container(self._docker())

    def not_ready(self, why: str) -> ServerNotReadyError:
        """Return the error for a server that is not ready, with the last lines of its log and how to investigate further."""
        log = self.log()
        last = "\n".join(f"    {line}" for line in log.splitlines()[-LINES_OF_THE_LOG:]) or "    (nothing)"
        path = private_folder() / f"{self.name}.log"
        path.touch(mode=0o600)
        path.write_text(log, encoding="utf-8")
        further = f"its whole log is in {path}; docker run --rm -it --entrypoint bash {self.image}"
        return ServerNotReadyError(
            f"the server in the container {self.name} is not ready: {why}\nIts last lines were:\n{last}\nTo look further: {further}"
        )

    def _docker(self) -> DockerContainer:
        return connect_engine().containers.get(self.id)


def run_container(spec: ContainerSpec, owner: Owner) -> Container:
    """Create a container, copy its files into it, start it, and read its ports.

    Raises ServerNotReadyError if it ends at once, and EngineError if the engine cannot start it, for example because a fixed port is in
    use; the container is removed then.
    """
    created = _created(spec, owner)
    try:
        with asking(f"start the container {spec.name}"):
            if spec.files:
                created.put_archive("/", _archive(spec.files))
            created.start()
            created.reload()
        return _known(created, spec)
    except BaseException:  # including Ctrl-C
        with contextlib.suppress(EngineError):  # the first error matters
            remove_container(created)
        raise


def _created(spec: ContainerSpec, owner: Owner) -> DockerContainer:
    """Create the container; remove it again if Ctrl-C arrives while the engine creates it."""
    with asking(f"create the container {spec.name}"), ThreadPoolExecutor(1, "xenon-testing-create") as pool:
        creating = pool.submit(_create, spec, owner)
        try:
            return creating.result()
        except BaseException:
            if creating.exception() is None:
                remove_container(creating.result())
            raise


def _create(spec: ContainerSpec, owner: Owner) -> DockerContainer:
    options: dict[str, Any] = {
        "name": spec.name,
        "hostname": spec.hostname,
        "environment": dict(spec.environment),
        "labels": {**owner.labels(), f"{LABEL}.kind": spec.kind, **spec.labels},
        "ports": {f"{inside}/tcp": (LOOPBACK, outside) for inside, outside in spec.ports.items()},
        "tmpfs": dict(spec.tmpfs),
        "cap_add": ["NET_ADMIN"],  # to add latency and drop connections, only in its own network
    }
    return connect_engine().containers.create(spec.image, **options)


def _known(created: DockerContainer, spec: ContainerSpec) -> Container:
    network = created.attrs["NetworkSettings"]
    bound = {int(name.partition("/")[0]): places for name, places in network["Ports"].items() if places}
    missing = [port for port in spec.ports if port not in bound]
    if missing:  # it has already ended, and the engine has freed its ports
        code = created.attrs["State"]["ExitCode"]
        raise Container(str(created.id), spec.name, "", {}, spec.image).not_ready(f"it ended at once, with exit code {code}")
    address = network.get("IPAddress") or next(iter(network["Networks"].values()))["IPAddress"]
    return Container(str(created.id), spec.name, address, {port: int(places[0]["HostPort"]) for port, places in bound.items()}, spec.image)


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
