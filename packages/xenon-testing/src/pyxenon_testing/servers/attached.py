"""Programs that use a server which a person has started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyxenon_testing.client import DEFAULT_TARGET, TARGET_VARIABLE, Client
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.terminal import NamedServer

if TYPE_CHECKING:
    import pyxenon

__all__ = ["attach_server"]

_clients: dict[str, ProgramClient] = {}


class ProgramClient(Client):
    """Connects through the session of the program, which is the program's to close; a session that was closed is opened again."""

    def session(self) -> pyxenon.Session:
        """The open session, or one that is opened now.

        Raises :class:`~pyxenon_core.errors.SessionError` when the program has opened one that knows none of the servers' host keys.
        """
        import pyxenon
        from pyxenon.session import current_session
        from pyxenon_core.errors import SessionError

        try:
            session = current_session()
        except SessionError:
            return pyxenon.init(target=self.target)
        if session.target != self.target:
            hint = "Open none before it, or open it with xenon.init(target=server.client.target), for the server that attach() gives"
            raise SessionError(f"the session that is open, {session.target}, does not know the host keys of servers for tests", hint=hint)
        return session


def attach_server(name: str, target: str | None = None) -> Server:
    """As :func:`pyxenon_testing.attach`."""
    named = NamedServer(name)
    chosen = target or os.environ.get(TARGET_VARIABLE) or DEFAULT_TARGET
    # One for all servers, as a program has one session: what it learns of a server's host key, the session's Xenon server can read.
    client = _clients.setdefault(chosen, ProgramClient(chosen, named.folder / "home"))
    found = named.find(client)
    if found is None:
        raise named.not_running()
    return found[0]
