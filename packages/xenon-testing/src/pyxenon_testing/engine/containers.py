"""Containers: started with their secrets in files, asked, and disturbed."""

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
    """What to run.

    Attributes:
        image: The image's tag.
        kind: What it serves, as ``ssh``.
        name: The container's name; unique on the engine.
        ports: The ports inside that are published on 127.0.0.1, each on the port outside that it maps to, or (None) on a free one.
        environment: Variables. Anyone who may ask the engine can read them: no secrets.
        files: What is put into the container before it starts, by absolute path. Only root can read it there.
        hostname: The name that the container has for itself.
        tmpfs: Small disks of its own, by where they are mounted, with their mount options.
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
    """A container that runs.

    Attributes:
        id: The engine's id of it.
        name: Its name, for ``docker logs NAME``.
        address: Its address on the engine's network, for other containers.
        ports: The port on 127.0.0.1 for each port inside that is published.
        image: The tag of the image that it runs.
    """

    id: str
    name: str
    address: str
    ports: Mapping[int, int]
    image: str

    def execute(self, command: Sequence[str], user: str = "root", environment: Mapping[str, str] | None = None) -> str:
        """Run *command* in it as *user* and return what it wrote; raises :class:`ContainerCommandError` when it fails.

        Nothing passes through a shell. The engine shows the command to everyone who may use it: no secrets.
        """
        with asking(f"run {' '.join(command)} in the container {self.name}"):
            code, output = self._docker().exec_run(list(command), user=user, environment=dict(environment or {}))
        text = b"".join([output] if isinstance(output, bytes) else output).decode("utf-8", "replace")
        if code:
            raise ContainerCommandError(f"the command {' '.join(command)} in the container {self.name} ended with {code}:\n{text}")
        return text

    def log(self, lines: int | Literal["all"] = "all") -> str:
        """The last *lines* of what its daemons wrote, or all; empty when it is gone."""
        from docker.errors import NotFound

        with asking(f"show the log of the container {self.name}"):
            try:
                return bytes(self._docker().logs(tail=lines)).decode("utf-8", "replace")
            except NotFound:
                return ""

    def state(self) -> str:
        """What the engine calls its state, as ``running``, ``paused`` or ``exited``; ``gone`` once it was removed."""
        from docker.errors import NotFound

        with asking(f"tell the state of the container {self.name}"):
            try:
                return str(self._docker().status)
            except NotFound:
                return "gone"

    def is_running(self) -> bool:
        """Whether it runs, or is paused; False once it has ended or is gone."""
        return self.state() in ("running", "paused")

    def pause(self) -> None:
        """Freeze all its processes: connections stay open, and nothing answers."""
        with asking(f"pause the container {self.name}"):
            self._docker().pause()

    def unpause(self) -> None:
        """Let its processes go on; does nothing when it is not paused."""
        if self.state() == "paused":
            with asking(f"let the container {self.name} go on"):
                self._docker().unpause()

    def remove(self) -> None:
        """Take it away, running or not; does nothing when it is gone."""
        from docker.errors import NotFound

        with asking(f"find the container {self.name}"), contextlib.suppress(NotFound):
            remove_container(self._docker())

    def not_ready(self, why: str) -> ServerNotReadyError:
        """The error for a server that does not serve: the last lines of its log, and how to look further when the container is gone."""
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
    """Create a container, put its files in, start it, and learn its ports.

    Raises ServerNotReadyError when it ends at once, and EngineError when the engine cannot start it, as when a fixed port is taken; then
    nothing is left of it.
    """
    created = _created(spec, owner)
    try:
        with asking(f"start the container {spec.name}"):
            if spec.files:
                created.put_archive("/", _archive(spec.files))
            created.start()
            created.reload()
        return _known(created, spec)
    except BaseException:  # Ctrl-C among them
        with contextlib.suppress(EngineError):  # what went wrong first is what matters
            remove_container(created)
        raise


def _created(spec: ContainerSpec, owner: Owner) -> DockerContainer:
    """The container, created; one that the engine creates while Ctrl-C arrives is removed again."""
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
        "cap_add": ["NET_ADMIN"],  # to add latency and to drop connections, inside its own network alone
    }
    return connect_engine().containers.create(spec.image, **options)


def _known(created: DockerContainer, spec: ContainerSpec) -> Container:
    network = created.attrs["NetworkSettings"]
    bound = {int(name.partition("/")[0]): places for name, places in network["Ports"].items() if places}
    missing = [port for port in spec.ports if port not in bound]
    if missing:  # it has ended already, and the engine has taken its ports back
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
