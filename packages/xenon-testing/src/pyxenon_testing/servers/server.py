"""A running server, as tests get it: its address, its account, and methods that connect to it."""

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
    """The arguments with which an adaptor connects to a server.

    Attributes:
        adaptor: The adaptor's name, such as ``sftp``.
        location: The location.
        properties: The properties, by their full names.
        needs_key: True if it logs in with the private key, False if with the password.
    """

    adaptor: str
    location: str
    properties: Mapping[str, str] = attrs.field(factory=dict)
    needs_key: bool = True


@attrs.frozen
class Server:
    """A server that is running and ready.

    Attributes:
        kind: The kind of server, such as ``slurm``.
        container: The container it runs in.
        host: The address it listens on: 127.0.0.1.
        port: The port it listens on.
        username: The account to log in with.
        password: The account's password. Not in the repr.
        private_key: The file with the account's private key; None if the server does not use keys.
        known_hosts: The lines for a known-hosts file; empty if the server has no host key.
        files: The access for a file system; None if the server has none.
        jobs: The access for each scheduler, the usual one first; empty if the server has none.
        client: The Xenon connection that the methods below use.
        faults: The faults that a test can cause in it.
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
        """The server's main adaptor: the scheduler's if it has one, or else the file system's."""
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
        """The account with its private key; raises ValueError if the server does not use keys."""
        from pyxenon_core import messages

        if self.private_key is None:
            raise ValueError(f"the server {self.container.name} uses a password, not a key. Use password_credential")
        return messages.CertificateCredential(username=self.username, certfile=str(self.private_key))

    def filesystem(self) -> pyxenon.FileSystem:
        """Open a file system on the server, which the caller closes; the server's host key is checked."""
        import pyxenon

        access = self._files()
        session = self.client.prepare(self, access.adaptor)
        created = session.client.filesystems.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
        return pyxenon.FileSystem(session, session.portal.call(created))

    def scheduler(self, adaptor: str | None = None) -> pyxenon.Scheduler:
        """Open a scheduler on the server, with *adaptor* or the usual one, which the caller closes; the server's host key is checked."""
        import pyxenon

        access = self._jobs(adaptor)
        session = self.client.prepare(self, access.adaptor)
        created = session.client.schedulers.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
        return pyxenon.Scheduler(session, session.portal.call(created))

    @contextlib.asynccontextmanager
    async def async_filesystem(self) -> AsyncIterator[pyxenon_core.FileSystem]:
        """Open an asynchronous file system on the server, and close it at the end of the ``async with``."""
        access = self._files()
        async with self.client.connect(self, access.adaptor) as client:
            created = client.filesystems.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
            async with await created as filesystem:
                yield filesystem

    @contextlib.asynccontextmanager
    async def async_scheduler(self, adaptor: str | None = None) -> AsyncIterator[pyxenon_core.Scheduler]:
        """Open an asynchronous scheduler on the server like :meth:`scheduler`, and close it at the end of the ``async with``."""
        access = self._jobs(adaptor)
        async with self.client.connect(self, access.adaptor) as client:
            created = client.schedulers.create(access.adaptor, access.location, dict(access.properties), *self._credentials(access))
            async with await created as scheduler:
                yield scheduler

    def _credentials(self, access: Access) -> tuple[messages.CertificateCredential | None, messages.PasswordCredential | None]:
        """Return the credentials of *access*, in the order of the arguments of ``create``."""
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
        known = ", ".join(access.adaptor for access in self.jobs) or "none"
        raise ValueError(
            f"the server {self.container.name} ({self.kind}) has no scheduler{f' {adaptor}' if adaptor else ''}; its schedulers: {known}"
        )
