"""Connect to one host: combine configuration, credential and known hosts, connect, and explain failures."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncssh

from pyxenon_core.errors import InvalidCredentialException
from pyxenon_core.messages import CredentialMap, DefaultCredential, UserCredential
from pyxenon_server.adaptors.credentials import Credential, credential_for
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_server.ssh.batching import batch_writes
from pyxenon_server.ssh.configuration import HostConfiguration, Jump, configure
from pyxenon_server.ssh.failures import Attempt, failure_of
from pyxenon_server.ssh.host_keys import SSH_PORT, HostKeyCheck, read_known_hosts
from pyxenon_server.ssh.logins import Login, identity_of
from pyxenon_server.ssh.settings import SshSettings

__all__ = ["Destination", "connect", "last_hop", "resolve"]

_LOGGER = logging.getLogger("xenon.server.ssh")
# Commands of the SSH configuration, such as ProxyCommand, get the user name for %r; ssh itself refuses these names, too.
_NO_USER = re.compile(r"""-.*|.*['`";&<>|(){}\x00-\x1f\x7f].*|.*\\""", re.DOTALL)


@dataclass(frozen=True)
class Destination:
    """The host to connect to, and the login. The credential is excluded from the repr.

    Attributes:
        adaptor: The adaptor to name in errors.
        place: The target host and the jump hosts.
        credential: The credential for all of the hosts.
        settings: How to connect.
        beyond: The hosts for which this one is a jump host, the nearest last.
    """

    adaptor: str
    place: SshLocation
    credential: Credential = field(repr=False)
    settings: SshSettings
    beyond: tuple[HostPort, ...] = ()


async def resolve(home: Path, destination: Destination) -> HostConfiguration:
    """Return the configuration of the target host of *destination*.

    Raises InvalidPropertyException, and InvalidCredentialException for a user name that a shell would interpret.
    """
    target = destination.place.target
    user = credential_for(destination.credential, target.host, target.port or SSH_PORT).username
    if _NO_USER.fullmatch(user):
        reason = f"the user name {user!r} begins with a dash or contains characters that a shell interprets"
        raise InvalidCredentialException(reason, adaptor=destination.adaptor, hint="Put the name of the remote account in the credential")
    return await configure(destination.adaptor, home, destination.settings, target, user)


def last_hop(destination: Destination, configuration: HostConfiguration) -> Destination | None:
    """Return the last jump host before the target, from the location, else from the configuration; None if there is none.

    For a jump host from the configuration, the credential is used if it is a map with an entry for that host; else ssh's own keys are.
    """
    via, beyond = destination.place.via, (*destination.beyond, destination.place.target)
    if via:
        return replace(destination, place=SshLocation(via[-1], via=via[:-1]), beyond=beyond)
    jumps = configuration.jumps
    if not jumps or jumps[-1].leads_to(destination.place.target, configuration.address):
        return None
    places = tuple(jump.place for jump in jumps)
    credential = _for_jumps(destination.credential, jumps)
    return replace(destination, place=SshLocation(places[-1], via=places[:-1]), credential=credential, beyond=beyond)


def _for_jumps(credential: Credential, jumps: tuple[Jump, ...]) -> CredentialMap:
    given = credential if isinstance(credential, CredentialMap) else CredentialMap()
    if type(credential_for(given, "")) is not DefaultCredential:
        return given  # Its fallback applies to all hosts without an entry.
    users = {_entry_name(jump.place): UserCredential(default_credential=DefaultCredential(username=jump.user)) for jump in jumps}
    unnamed = {name: user for name, user in users.items() if name.partition(":")[0] not in given.entries}
    return CredentialMap(entries={**unnamed, **given.entries}, default_credential=given.default_credential)


def _entry_name(place: HostPort) -> str:
    return place.host if place.port is None else f"{place.host}:{place.port}"


async def connect(
    home: Path,
    destination: Destination,
    configuration: HostConfiguration,
    over: tuple[SshLocation, asyncssh.SSHClientConnection] | None,
    lost: Callable[[], None],
) -> asyncssh.SSHClientConnection:
    """Connect to the target host of *destination*, through the connection *over* if there is one.

    *lost* is called when the connection ends. Raises NotConnectedException, InvalidCredentialException,
    CredentialNotFoundException, CertificateNotFoundException and InvalidPropertyException.
    """
    settings, target = destination.settings, destination.place.target
    credential = credential_for(destination.credential, target.host, target.port or SSH_PORT)
    identity = await identity_of(destination.adaptor, home, settings, configuration, credential)
    del credential
    known_hosts = await asyncio.to_thread(read_known_hosts, configuration.known_hosts_files)
    check = HostKeyCheck(settings.strict_host_key_checking, known_hosts, aliased=bool(configuration.options.host_key_alias))
    attempt = Attempt(
        adaptor=destination.adaptor,
        place=target,
        configuration=configuration,
        identity=identity,
        check=check,
        login=Login(identity, check, lost),
        timeout=settings.timeout,
        over=over[0].target if over else None,
    )
    return await _try(attempt, over[1] if over else None, _forwarded_agent(settings, configuration))


async def _try(attempt: Attempt, tunnel: asyncssh.SSHClientConnection | None, forwarding: str | tuple[()]) -> asyncssh.SSHClientConnection:
    configuration = attempt.configuration
    try:
        connection = await asyncssh.connect(
            attempt.place.host,
            config=None,
            options=configuration.options,
            tunnel=tunnel,
            known_hosts=attempt.check.trusted,
            server_host_key_algs=_host_key_algorithms(attempt),
            client_factory=lambda: attempt.login,
            agent_forwarding=forwarding,
            gss_host=() if attempt.identity.tickets else None,
            **configuration.ciphers,
        )
    except (TimeoutError, OSError, asyncssh.Error) as error:
        # asyncssh's frames hold the secrets as local variables, which some tools print with a traceback.
        raise failure_of(attempt, error) from error.with_traceback(None)
    batch_writes(connection)
    return connection


def _host_key_algorithms(attempt: Attempt) -> str | tuple[()]:
    """Return the host key algorithms to request, known ones first; an empty tuple if the configuration sets them."""
    options = attempt.configuration.options
    if options.config.get("HostKeyAlgorithms"):
        return ()
    return attempt.check.algorithms(options.host_key_alias or options.host, options.port)


def _forwarded_agent(settings: SshSettings, configuration: HostConfiguration) -> str | tuple[()]:
    """Return the socket of the agent to forward; an empty tuple leaves forwarding to the configuration."""
    if not settings.agent_forwarding:
        return ()
    if not configuration.agent:
        _LOGGER.warning("cannot forward the SSH agent to %s: no agent is running (SSH_AUTH_SOCK is not set)", configuration.address)
    return configuration.agent
