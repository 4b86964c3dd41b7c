"""Explain failed connections: unknown host, changed key, refused login or unreachable address, each with a hint."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass, field

import asyncssh

from pyxenon_core.errors import CredentialNotFoundException, InvalidCredentialException, NotConnectedException, Status, XenonError
from pyxenon_server.adaptors.locations import HostPort
from pyxenon_server.ssh.configuration import HostConfiguration
from pyxenon_server.ssh.host_keys import SSH_PORT, HostKeyCheck, KnownKey, shown
from pyxenon_server.ssh.logins import Identity, Login

__all__ = ["Attempt", "failure_of"]

_PROHIBITED = 1  # RFC 4254, section 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED


@dataclass(frozen=True)
class Attempt:
    """An attempt to connect, with everything needed to explain its failure."""

    adaptor: str
    place: HostPort
    configuration: HostConfiguration
    identity: Identity = field(repr=False)
    check: HostKeyCheck
    login: Login = field(repr=False)
    timeout: float
    over: HostPort | None = None

    @property
    def name(self) -> str:
        """The host for messages: as the user gave it, with its real address if that differs."""
        address = self.configuration.address
        real = HostPort(address.host, None if address.port == SSH_PORT else address.port)
        known_as = str(self.place)
        over = f" via {self.over}" if self.over else ""
        return (known_as if known_as == str(real) else f"{known_as} ({real})") + over

    def refusal(self, why: str, hint: str, status: Status | None = None) -> NotConnectedException:
        """Return the error for a failed connection."""
        return NotConnectedException(f"cannot connect to {self.name}: {why}", adaptor=self.adaptor, hint=hint, status=status)


def failure_of(attempt: Attempt, error: BaseException) -> XenonError:
    """Return the exception to raise for *error*, which asyncssh or the operating system raised."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _host_key_failure(attempt, error)
    if isinstance(error, asyncssh.PermissionDenied):
        return _login_failure(attempt, "")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        hint = "The host and this program have no algorithm in common: enable a common one in the SSH configuration here or on the host"
        return attempt.refusal(str(error.reason), hint)
    if isinstance(error, asyncssh.DisconnectError) and not isinstance(error, asyncssh.ConnectionLost) and attempt.login.offered:
        return _login_failure(attempt, f"the host ended the connection with {str(error.reason)!r}")
    return _unreachable(attempt, error)


def _host_key_failure(attempt: Attempt, error: asyncssh.HostKeyNotVerifiable) -> XenonError:
    check = attempt.check
    if "revoked" in str(error.reason).lower():
        hint = f"Do not connect; contact the host's administrators. The key is marked @revoked in {_places(check.known.revoked)}"
        return attempt.refusal("its host key is revoked", hint, Status.FAILED_PRECONDITION)
    if check.presented is None:
        hint = "Ask the host's administrators for a certificate that is valid for this name and not expired"
        return attempt.refusal(f"its host certificate is not valid: {error.reason}", hint, Status.FAILED_PRECONDITION)
    if check.changed:
        return _changed(attempt, check.presented)
    files = f"searched {', '.join(str(file.path) for file in check.files)}" if check.files else "the properties disable known-hosts files"
    why = f"its host key is not known: it presents {shown(check.presented)}; {files}"
    return attempt.refusal(why, _how_to_know(attempt), Status.FAILED_PRECONDITION)


def _changed(attempt: Attempt, presented: asyncssh.SSHKey) -> XenonError:
    known = [*attempt.check.known.keys, *attempt.check.known.authorities]
    expected = f"{', '.join(shown(item.key) for item in known)} in {_places(known)}"
    why = (
        f"its host key has changed: it presents {shown(presented)}, but the known key is {expected}. "
        "Either the host was reinstalled, or another machine is impersonating it"
    )
    name = _known_hosts_name(attempt)
    forget = "; ".join(f"`ssh-keygen -R '{name}' -f {file}`" for file in dict.fromkeys(item.file for item in known))
    hint = f"Contact the host's administrators. If the new key is correct, remove the old one with {forget}. {_how_to_know(attempt)}"
    return attempt.refusal(why, hint, Status.FAILED_PRECONDITION)


def _places(keys: list[KnownKey]) -> str:
    return ", ".join(f"{item.file} line {item.line}" for item in keys) or "a known-hosts file"


def _known_hosts_name(attempt: Attempt) -> str:
    alias, address = attempt.configuration.options.host_key_alias, attempt.configuration.address
    if alias or address.port in (None, SSH_PORT):
        return str(alias or address.host)
    return f"[{address.host}]:{address.port}"


def _how_to_know(attempt: Attempt) -> str:
    address = attempt.configuration.address
    port = "" if address.port in (None, SSH_PORT) else f"-p {address.port} "
    file = attempt.check.files[0].path if attempt.check.files else "~/.ssh/known_hosts"
    return (
        "Compare the fingerprint with the one that the host's administrators publish; if they match, connect once with "
        f"`ssh {port}{address.host}`, or append the output of `ssh-keyscan {port}{address.host}` to {file}, on the server's machine"
    )


def _login_failure(attempt: Attempt, ended: str) -> XenonError:
    login, user = attempt.login, attempt.configuration.user
    offered = ", ".join(login.offered) or "no supported login method"
    tried = ", ".join(login.tried) or "nothing, because the credential has nothing for these methods"
    asked = f"; it asked for {', '.join(map(repr, login.questions))}, which cannot be answered here" if login.questions else ""
    reason = f"cannot log in to {attempt.name} as {user}: {ended or 'the host refused'}. It offers {offered}; tried {tried}{asked}"
    if login.tried or login.questions:
        return InvalidCredentialException(reason, adaptor=attempt.adaptor, hint=_other_credential(attempt))
    return CredentialNotFoundException(f"{reason}{_no_keys(attempt.identity)}", adaptor=attempt.adaptor, hint=_other_credential(attempt))


def _no_keys(identity: Identity) -> str:
    """Explain why no key can be tried; empty for a credential that uses no keys."""
    if not identity.sources:
        return ""
    encrypted = f", and {', '.join(identity.encrypted)} is encrypted (add it to the agent with `ssh-add`)" if identity.encrypted else ""
    agent = "the SSH agent has no keys" if identity.agent else "no SSH agent runs"
    return f". No usable key was found in {', '.join(identity.sources)}; {agent}{encrypted}"


def _other_credential(attempt: Attempt) -> str:
    login, user = attempt.login, attempt.configuration.user
    if len(login.tried) > 1 and "password" not in login.tried[-1]:
        return (
            "Check the user name. The host limits how many keys may be tried: name the right key in a certificate credential, "
            "or with IdentityFile and IdentitiesOnly in the SSH configuration"
        )
    if "publickey" in login.offered and not attempt.identity.password:
        return f"Check the user name, and add the public key to ~/.ssh/authorized_keys of {user} on the host with `ssh-copy-id`"
    if attempt.identity.password is not None and not {"password", "keyboard-interactive"} & set(login.offered):
        return "The host does not accept passwords: use a certificate credential with a private key that is authorized on the host"
    return "Check the user name and the password or key of the credential"


def _unreachable(attempt: Attempt, error: BaseException) -> XenonError:
    address = attempt.configuration.address
    where = f"port {address.port or SSH_PORT} of {address.host}"
    over = f" from {attempt.over}" if attempt.over else ""
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)) and not getattr(error, "errno", None):
        hint = "Check that the host is up and that no firewall blocks the connection, or set a larger timeout in the properties"
        return attempt.refusal(f"{where} did not complete the login within {attempt.timeout:g} seconds", hint)
    if isinstance(error, socket.gaierror):
        hint = "Check the spelling of the host name, and that this machine's DNS or /etc/hosts resolves it"
        return attempt.refusal(f"the host name {address.host} cannot be resolved: {error.strerror}", hint)
    if isinstance(error, asyncssh.ChannelOpenError) and error.code == _PROHIBITED:
        hint = f"Allow it in the SSH server of {attempt.over} (AllowTcpForwarding, PermitOpen), or use another jump host"
        return attempt.refusal(f"{attempt.over} does not forward connections to {where}: {error.reason}", hint)
    if isinstance(error, asyncssh.ChannelOpenError) or _is_refusal(error):
        reason = error.reason if isinstance(error, asyncssh.ChannelOpenError) else "the connection was refused"
        return attempt.refusal(f"{where} cannot be reached{over}: {reason}", "Check the port, and that an SSH server listens there")
    if isinstance(error, (asyncssh.Error, ConnectionResetError, BrokenPipeError)):
        reason = error.reason if isinstance(error, asyncssh.Error) else str(error)
        hint = "Check that an SSH server listens there, and check its log; it may limit the number of simultaneous connections"
        return attempt.refusal(f"{where}{over} ended the connection: {reason}", hint)
    return attempt.refusal(f"{where} cannot be reached{over}: {error}", "Check the network between this machine and the host")


def _is_refusal(error: BaseException) -> bool:
    """Return True if nothing listens at the address, or at any of the addresses that the name resolves to."""
    return isinstance(error, ConnectionRefusedError) or (isinstance(error, OSError) and f"[Errno {errno.ECONNREFUSED}]" in str(error))
