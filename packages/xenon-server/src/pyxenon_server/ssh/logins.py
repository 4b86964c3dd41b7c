"""Authentication: the keys and the password of a credential, and a record of what a host asked for and refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncssh

from pyxenon_core.errors import CertificateNotFoundException, CredentialNotFoundException, InvalidCredentialException
from pyxenon_core.messages import CertificateCredential, DefaultCredential, PasswordCredential
from pyxenon_server.adaptors.credentials import SingleCredential
from pyxenon_server.ssh.configuration import HostConfiguration, expand
from pyxenon_server.ssh.host_keys import HostKeyCheck
from pyxenon_server.ssh.settings import SshSettings

__all__ = ["Identity", "Login", "identity_of"]

_LOGGER = logging.getLogger("xenon.server.ssh")
# Hardware-backed keys are not listed: they need a touch, and therefore the agent.
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_CONVERT = "Convert it with `ssh-keygen -p -f FILE` (or, from PuTTY's format, with `puttygen FILE -O private-openssh -o NEW`)"


class Identity:
    """The keys and the password of a credential. They are excluded from the repr.

    Attributes:
        keys: The private keys from files.
        matching: The public parts of keys that the credential names; agent keys among them are tried first.
        agent: The socket of the agent; empty if the agent is not to be used.
        only_matching: True if no other agent keys may be used.
        password: The password, or None.
        tickets: True if Kerberos may be used, provided that this machine supports it.
        encrypted: Encrypted key files without a passphrase.
        sources: The files searched for keys, for messages.
    """

    def __init__(self, *, password: str | None = None, agent: str = "", only_matching: bool = False) -> None:
        self.keys: list[asyncssh.SSHKeyPair] = []
        self.matching: list[bytes] = []
        self.agent = agent
        self.only_matching = only_matching
        self.password = password
        self.tickets = False
        self.encrypted: list[str] = []
        self.sources: list[str] = []

    async def agent_keys(self) -> tuple[asyncssh.SSHAgentClient | None, list[asyncssh.SSHKeyPair]]:
        """Return the connection to the agent, which the caller must close, and the agent's keys, those that the credential names first."""
        if not self.agent:
            return None, []
        try:
            agent = await asyncssh.connect_agent(self.agent)
        except OSError as error:
            _LOGGER.info("the SSH agent at %s does not answer: %s", self.agent, error)
            return None, []
        try:
            keys = list(await agent.get_keys())
        except ValueError as error:
            agent.close()
            _LOGGER.info("the SSH agent at %s did not list its keys: %s", self.agent, error)
            return None, []
        named = [key for key in keys if key.key_public_data in self.matching]
        return agent, named if self.only_matching else named + [key for key in keys if key not in named]


class Login(asyncssh.SSHClient):
    """One login attempt: answers asyncssh's callbacks while it connects, and records the outcome.

    Attributes:
        offered: The login methods that the host offered, in the order in which they were tried.
        tried: The keys and passwords that were tried, for messages.
        questions: The host's questions other than for the password.
        banner: The host's banner before the login.
    """

    def __init__(self, identity: Identity, check: HostKeyCheck, lost: Callable[[], None]) -> None:
        self._identity = identity
        self._check = check
        self._lost = lost
        self._agent: asyncssh.SSHAgentClient | None = None
        self._keys: list[asyncssh.SSHKeyPair] | None = None
        self._password_given = False
        self.offered: list[str] = []
        self.tried: list[str] = []
        self.questions: list[str] = []
        self.banner = ""

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the connection has ended or failed."""
        self._leave_agent()
        self._lost()

    def auth_completed(self) -> None:
        """Disconnect from the agent, which is not needed after the login."""
        self._leave_agent()

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """Record the host's banner."""
        self.banner += msg

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Return True if the host's key, which is not known, is accepted."""
        return self._check.accept(host, port, key)

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Return True if the authority that signed the host's key, which is not known, is accepted."""
        return self._check.accept(host, port, key)

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        """Return the next key to try; None if there are no more."""
        if self._keys is None:
            self._offer("publickey")
            self._agent, from_agent = await self._identity.agent_keys()
            self._keys = _distinct(self._in_order(from_agent))
        if not self._keys:
            return None
        key = self._keys.pop(0)
        self.tried.append(f"the key {_key_name(key)}")
        return key

    def password_auth_requested(self) -> str | None:
        """Return the password the first time; None afterwards."""
        self._offer("password")
        return self._password()

    def kbdint_auth_requested(self) -> str | None:
        """Return an empty string to accept questions if there is a password that was not tried yet; else None."""
        self._offer("keyboard-interactive")
        return "" if self._identity.password is not None and not self._password_given else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]) -> list[str] | None:
        """Answer a single question with hidden input with the password, however it is worded; decline all others."""
        if not prompts:
            return []
        if len(prompts) == 1 and not prompts[0][1] and (password := self._password()) is not None:
            return [password]
        self.questions += [prompt.strip() for prompt, _ in prompts]
        return None

    def _in_order(self, from_agent: list[asyncssh.SSHKeyPair]) -> list[asyncssh.SSHKeyPair]:
        """Return all keys, those that the credential names first."""
        named = [key for key in from_agent if key.key_public_data in self._identity.matching]
        others = [key for key in from_agent if key not in named]
        return [*named, *self._identity.keys, *others] if self._identity.matching else [*others, *self._identity.keys]

    def _password(self) -> str | None:
        if self._identity.password is None or self._password_given:
            return None
        self._password_given = True
        self.tried.append("the password")
        return self._identity.password

    def _offer(self, method: str) -> None:
        if method not in self.offered:
            self.offered.append(method)

    def _leave_agent(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None


async def identity_of(
    adaptor: str, home: Path, settings: SshSettings, configuration: HostConfiguration, credential: SingleCredential
) -> Identity:
    """Return the keys and the password of *credential* for the host of *configuration*.

    Raises InvalidCredentialException for a kind that cannot log in over SSH, CertificateNotFoundException and CredentialNotFoundException.
    """
    if isinstance(credential, PasswordCredential):
        return Identity(password=credential.password)
    if isinstance(credential, CertificateCredential):
        return await _identity_of_key(adaptor, home, settings, configuration, credential)
    if isinstance(credential, DefaultCredential):
        return await asyncio.to_thread(_default_identity, home, configuration)
    raise InvalidCredentialException(f"a {type(credential).__name__} cannot be used to log in over SSH", adaptor=adaptor)


async def _identity_of_key(
    adaptor: str, home: Path, settings: SshSettings, configuration: HostConfiguration, credential: CertificateCredential
) -> Identity:
    if settings.agent and not configuration.agent:
        reason = "the property that ends with agent is true, but no SSH agent is running: SSH_AUTH_SOCK is not set"
        raise CredentialNotFoundException(reason, adaptor=adaptor, hint="Start the server in a session where `ssh-add -l` lists your keys")
    if not credential.certfile:
        hint = "Give the path of a private key, or use a default credential for the keys that ssh itself would use"
        raise CertificateNotFoundException("the credential does not name a private key", adaptor=adaptor, hint=hint)
    file = expand(home, credential.certfile)
    identity = Identity(agent=configuration.agent if settings.agent else "")
    identity.sources.append(str(file))
    try:
        identity.keys += await asyncio.to_thread(_load, file, credential.passphrase or None)
        identity.matching += [key.key_public_data for key in identity.keys]
    except OSError as error:
        reason = f"the private key {file} cannot be read: {error.strerror or error}"
        raise CertificateNotFoundException(reason, adaptor=adaptor) from None
    except ValueError as error:
        identity.matching += await asyncio.to_thread(_public_parts, file)
        if not (identity.agent and identity.matching):
            raise _unusable(adaptor, file, bool(credential.passphrase), error) from None
    return identity


def _default_identity(home: Path, configuration: HostConfiguration) -> Identity:
    """Return the keys that OpenSSH would use: the agent's, and those that the configuration names, else those with the usual names."""
    identity = Identity(agent=configuration.agent, only_matching=configuration.identities_only)
    identity.tickets = True
    named = configuration.identity_files
    files = named or tuple(home / ".ssh" / name for name in _DEFAULT_KEYS)
    for file in files:
        identity.sources.append(str(file))
        try:
            identity.keys += _load(file, None, configuration.certificate_files)
        except (OSError, ValueError) as error:
            _LOGGER.debug("the key %s is not used: %s", file, error)
            if _is_about_passphrase(error):
                identity.encrypted.append(str(file))
        if named or configuration.identities_only:
            identity.matching += _public_parts(file)
    return identity


def _load(file: Path, passphrase: str | None, certificates: Sequence[Path] = ()) -> list[asyncssh.SSHKeyPair]:
    """Load the key in *file*, preceded by its certificate if there is one: next to it, or among *certificates*."""
    return list(asyncssh.load_keypairs(str(file), passphrase, [str(path) for path in certificates if path.exists()]))


def _public_parts(file: Path) -> list[bytes]:
    """Return the public part of the key in *file*, from the ``.pub`` file or from the file itself."""
    for path in (Path(f"{file}.pub"), file):
        try:
            return [asyncssh.read_public_key(path).public_data]
        except (OSError, ValueError):
            continue
    return []


def _unusable(adaptor: str, file: Path, with_passphrase: bool, error: Exception) -> InvalidCredentialException:
    if _is_about_passphrase(error):
        reason = f"the private key {file} is encrypted, and " + (
            "the passphrase of the credential is wrong" if with_passphrase else "the credential has no passphrase for it"
        )
        hint = "Give the passphrase in the credential, or add the key to the SSH agent and set the property that ends with agent to true"
        return InvalidCredentialException(reason, adaptor=adaptor, hint=hint)
    hint = f"Use a private key in OpenSSH or PEM format. {_CONVERT}"
    return InvalidCredentialException(f"{file} is not a usable private key: {error}", adaptor=adaptor, hint=hint)


def _is_about_passphrase(error: Exception) -> bool:
    return isinstance(error, asyncssh.KeyEncryptionError) or any(word in str(error).lower() for word in ("passphrase", "decrypt"))


def _distinct(keys: list[asyncssh.SSHKeyPair]) -> list[asyncssh.SSHKeyPair]:
    """Return each key once, so that duplicates do not use up the host's limit on attempts."""
    return list({(key.algorithm, key.public_data): key for key in keys}.values())


def _key_name(key: asyncssh.SSHKeyPair) -> str:
    digest = base64.b64encode(hashlib.sha256(key.key_public_data).digest()).decode().rstrip("=")
    return f"{key.algorithm.decode()} SHA256:{digest}"
