"""The kinds of server: what is the same in starting any of them."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container, ContainerSpec
from pyxenon_testing.engine.images import ImageRecipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.server import Server

__all__ = ["DOCKERFILES", "SECRETS", "Kind", "recipe"]

DOCKERFILES = Path(__file__).parent.parent / "dockerfiles"
SECRETS = "/etc/xenon/secrets"
SECONDS_BETWEEN_TRIES = 0.05
SECONDS_BETWEEN_CHECKS = 1.0
S = TypeVar("S", bound=Server)


def recipe(name: str, parent: ImageRecipe | None = None) -> ImageRecipe:
    """The packaged recipe *name*, on *parent*."""
    return ImageRecipe(name, DOCKERFILES / name, parent)


class Kind(abc.ABC, Generic[S]):
    """A kind of server. A subclass says what image it needs, how it is reached and when it is ready.

    Attributes:
        name: What users call it, as ``ssh``.
        title: What it is, for the command line's list.
        image: How its image is made.
        ports: The ports inside that are published.
        hostname: The name that the container has for itself, where that matters.
        not_on: The Debian suites that are known to lack what it needs.
        takes_configuration: Whether its configuration file takes further lines.
        seconds_to_start: How long it may take until it is ready, on a slow machine.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    image: ClassVar[ImageRecipe]
    ports: ClassVar[tuple[int, ...]] = ()
    hostname: ClassVar[str | None] = None
    not_on: ClassVar[tuple[str, ...]] = ()
    takes_configuration: ClassVar[bool] = False
    seconds_to_start: ClassVar[float] = 60.0

    def require_fit(self, options: ServerOptions) -> None:
        """Raise ValueError when *options* ask for what this kind is known not to have."""
        if options.suite in self.not_on:
            raise ValueError(f"there is no {self.name} on Debian {options.suite}: its packages are not there; choose another suite")
        if options.configuration and not self.takes_configuration:
            raise ValueError(f"the option configuration is not for {self.name}, whose configuration takes no further lines")

    def spec(self, tag: str, name: str, options: ServerOptions, login: Login) -> ContainerSpec:
        """What to run. Called again when the engine refuses the ports, which a subclass may have chosen."""
        return ContainerSpec(
            image=tag,
            kind=self.name,
            name=name,
            ports=dict.fromkeys(self.ports),
            environment={"XENON_USER": options.username},
            files={f"{SECRETS}/{file}": content for file, content in self.files(options, login).items()},
            hostname=self.hostname,
            tmpfs={f"/home/{options.username}": f"size={options.disk},uid=1000,gid=1000,mode=0755"},
        )

    def files(self, options: ServerOptions, login: Login) -> Mapping[str, bytes]:
        """The secrets and settings, by file name in :data:`SECRETS`."""
        return {"password": login.password.encode()}

    @abc.abstractmethod
    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> S:
        """The server in *container*, as tests get it."""

    @abc.abstractmethod
    def probe(self, server: S) -> str:
        """One try to use *server* as a client does: empty when it served, else why it did not. Takes some seconds at most."""

    def wait_until_ready(self, server: S) -> None:
        """Return when *server* serves; raises ServerNotReadyError when it, or one of its daemons, has ended, or does not serve in time."""
        deadline = time.monotonic() + self.seconds_to_start
        next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
        while why := self.probe(server):
            if not server.container.is_running():
                raise server.container.not_ready(f"it has ended ({why})")
            if time.monotonic() > next_check:
                next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
                if ended := server.container.execute(["daemon", "ended"]).split():
                    raise server.container.not_ready(f"its {' and its '.join(ended)} ended right after the start ({why})")
            if time.monotonic() > deadline:
                raise server.container.not_ready(f"after {self.seconds_to_start:g} s, {why}")
            time.sleep(SECONDS_BETWEEN_TRIES)
