"""The base class of all kinds of server."""

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
    """Return the packaged recipe *name*, built on *parent*."""
    return ImageRecipe(name, DOCKERFILES / name, parent)


class Kind(abc.ABC, Generic[S]):
    """A kind of server. A subclass defines its image, how to connect to it and when it is ready.

    Attributes:
        name: Its name, such as ``ssh``.
        title: Its description in the command line's list.
        image: The recipe of its image.
        ports: The container's ports that are published.
        hostname: The container's own host name, if it matters.
        not_on: The Debian suites that do not have its packages.
        takes_configuration: True if lines can be added to its configuration file.
        seconds_to_start: The time limit until it is ready, enough for a slow machine.
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
        """Raise ValueError if this kind does not support *options*."""
        if options.suite in self.not_on:
            raise ValueError(f"{self.name} is not available on Debian {options.suite}, which lacks its packages; choose another suite")
        if options.configuration and not self.takes_configuration:
            raise ValueError(f"the option configuration is not for {self.name}, whose configuration cannot be extended; omit it")

    def spec(self, tag: str, name: str, options: ServerOptions, login: Login) -> ContainerSpec:
        """Return the container to run. Called again if the engine rejects the ports, which a subclass may have chosen."""
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
        """Return the secrets and settings, by file name in :data:`SECRETS`."""
        return {"password": login.password.encode()}

    @abc.abstractmethod
    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> S:
        """Return the server in *container*, as tests get it."""

    @abc.abstractmethod
    def probe(self, server: S) -> str:
        """Try once to use *server* like a client, for some seconds at most; return why it failed, or an empty string."""

    def wait_until_ready(self, server: S) -> None:
        """Wait until *server* is ready; raises ServerNotReadyError if it or one of its daemons ends, or it is not ready in time."""
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
