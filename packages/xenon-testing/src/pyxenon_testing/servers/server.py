"""A server that is up, as tests get it: where it is, who may log in, and how to connect."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.faults import Faults

if TYPE_CHECKING:
    import pyxenon
    import pyxenon_core
    from pyxenon_core import messages

__all__ = ["Access", "Server"]


@attrs.frozen
class Access:
    """How an adaptor reaches a server.

    Attributes:
        adaptor: The adaptor's name, as ``sftp``.
        location: The location to give it.
        properties: The properties to give it, by their full names.
        needs_key: Whether it logs in with the private key; else with the password.
    """

    adaptor: str
    location: str
    properties: Mapping[str, str] = attrs.field(factory=dict)
    needs_key: bool = True


@attrs.frozen
class Server:
    """A server that is up and ready.

    Attributes:
        kind: What it is, as ``slurm``.
        container: The container that it runs in.
        host: Where it listens: 127.0.0.1.
        port: The port there.
        username: The account that may log in.
        password: The account's password. Left out of the repr.
        private_key: The file with the account's private key; None where none is used.
        known_hosts: The lines for a known-hosts file; empty where the server has no host key.
        files: How a file system reaches it; None where it has none.
        jobs: How a scheduler reaches it, the first way being the usual one; empty where it has none.
        client: The Xenon server that the methods below connect through.
        faults: What can be made to go wrong with it.
    """

    kind: str
    container: Container
    host: str
    port: int
    username: str
    password: str = attrs.field(repr=False)
    private_key: Path | None
    known_hosts: str = attrs.field(repr=False)
    files: Access | None
    jobs: tuple[Access, ...]
    client: Client = attrs.field(repr=False, eq=False)
    faults: Faults = attrs.field(repr=False)

    @property
    def adaptor(self) -> str:
        """The adaptor that the server is there for: the scheduler's where it has one, else the file system's."""
        return self._main.adaptor

    @property
    def location(self) -> str:
        """The location for :attr:`adaptor`."""
        return self._main.location

    @property
    def properties(self) -> Mapping[str, str]:
        """The properties for :attr:`adaptor`."""
        return self._main.properties

    @property
    def _main(self) -> Access:
        ways = [*self.jobs, *([self.files] if self.files else [])]
        return ways[0]

    @property
    def password_credential(self) -> messages.PasswordCredential:
        """The account with its password."""
        from pyxenon_core import messages

        return messages.PasswordCredential(username=self.username, password=self.password)

    @property
    def certificate_credential(self) -> messages.CertificateCredential:
        """The account with its private key; raises ValueError where the server takes none."""
        from pyxenon_core import messages

        if self.private_key is None:
            raise ValueError(f"the server {self.container.name} takes a password, and no key: use password_credential")
        return messages.CertificateCredential(username=self.username, certfile=str(self.private_key))

    def filesystem(self) -> pyxenon.FileSystem:
        """A file system on the server, for the caller to close; the server's host key is checked."""
        import pyxenon

        access = self._files()
        session = self.client.prepare(self, access.adaptor)
        created = session.client.filesystems.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
        return pyxenon.FileSystem(session, session.portal.call(created))

    def scheduler(self, adaptor: str | None = None) -> pyxenon.Scheduler:
        """A scheduler on the server, for the caller to close, by *adaptor* or the usual one; the server's host key is checked."""
        import pyxenon

        access = self._jobs(adaptor)
        session = self.client.prepare(self, access.adaptor)
        created = session.client.schedulers.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
        return pyxenon.Scheduler(session, session.portal.call(created))

    @contextlib.asynccontextmanager
    async def async_filesystem(self) -> AsyncIterator[pyxenon_core.FileSystem]:
        """As :meth:`filesystem`, asynchronously; it is closed at the end of the ``async with``."""
        access = self._files()
        async with self.client.connect(self, access.adaptor) as client:
            created = client.filesystems.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
            async with await created as filesystem:
                yield filesystem

    @contextlib.asynccontextmanager
    async def async_scheduler(self, adaptor: str | None = None) -> AsyncIterator[pyxenon_core.Scheduler]:
        """As :meth:`scheduler`, asynchronously; it is closed at the end of the ``async with``."""
        access = self._jobs(adaptor)
        async with self.client.connect(self, access.adaptor) as client:
            created = client.schedulers.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
            async with await created as scheduler:
                yield scheduler

    def _credentials(self, access: Access) -> tuple[messages.CertificateCredential | None, messages.PasswordCredential | None]:
        """What *access* logs in with, in the order in which file systems and schedulers are created."""
        if access.needs_key:
            return self.certificate_credential, None
        return None, self.password_credential

    def _files(self) -> Access:
        if self.files is None:
            raise ValueError(f"the server {self.container.name} ({self.kind}) has no file system")
        return self.files

    def _jobs(self, adaptor: str | None) -> Access:
        for access in self.jobs:
            if adaptor in (None, access.adaptor):
                return access
        there_are = ", ".join(access.adaptor for access in self.jobs) or "none"
        raise ValueError(
            f"the server {self.container.name} ({self.kind}) has no scheduler{f' {adaptor}' if adaptor else ''}; there are: {there_are}"
        )
