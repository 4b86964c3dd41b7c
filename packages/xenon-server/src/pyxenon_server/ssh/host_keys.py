"""Host key checks: known-hosts files in OpenSSH's format, and the verification of the key that a host presents."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

__all__ = ["HostKeyCheck", "KnownHostsFile", "KnownKey", "KnownKeys", "look_up", "read_known_hosts", "shown"]

_LOGGER = logging.getLogger("xenon.server.ssh")
SSH_PORT = 22
_ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")
_SIGNED = "*-cert-v01@openssh.com"
_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
_MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True)
class KnownHostsFile:
    """A known-hosts file and its content."""

    path: Path
    text: str = field(repr=False, default="")


@dataclass(frozen=True)
class KnownKey:
    """A key in a known-hosts file, with its file and line number."""

    key: asyncssh.SSHKey
    file: Path
    line: int


@dataclass
class KnownKeys:
    """The keys known for one host.

    Attributes:
        keys: The keys that the host itself may present.
        authorities: The keys that may have signed the host's certificate.
        revoked: The keys that the host must not present.
        exact: True if *keys* and *authorities* are listed for this very port; False if they are listed for the host without a port.
    """

    keys: list[KnownKey] = field(default_factory=list)
    authorities: list[KnownKey] = field(default_factory=list)
    revoked: list[KnownKey] = field(default_factory=list)
    exact: bool = True


def read_known_hosts(paths: Sequence[Path]) -> tuple[KnownHostsFile, ...]:
    """Read the files at *paths*. A file that does not exist or cannot be read counts as empty."""
    return tuple(KnownHostsFile(path, _read(path)) for path in paths)


def look_up(files: Sequence[KnownHostsFile], host: str, port: int) -> KnownKeys:
    """Return the keys that *files* list for *host*.

    If a port other than 22 has no line of its own, the lines without a port apply, as in OpenSSH.
    """
    host = host.lower()
    exact = host if port == SSH_PORT else f"[{host}]:{port}"
    found = _collect(files, exact)
    if port == SSH_PORT or found.keys or found.authorities:
        return found
    plain = _collect(files, host)
    return KnownKeys(plain.keys, plain.authorities, found.revoked + plain.revoked, exact=False)


def shown(key: asyncssh.SSHKey) -> str:
    """Return the type and the fingerprint of a key, for messages."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


class HostKeyCheck:
    """Check of the key that a host presents; it records its findings for error messages.

    Args:
        strict: Refuse keys that are not known. Revoked keys are always refused.
        files: The known-hosts files.
        aliased: True if the files list the host under an alias, which has no port.
    """

    def __init__(self, strict: bool, files: Sequence[KnownHostsFile], *, aliased: bool = False) -> None:
        self.strict = strict
        self._aliased = aliased
        self._looked_up: dict[tuple[str, int], KnownKeys] = {}
        self.files = tuple(files)
        self.known = KnownKeys()
        self.presented: asyncssh.SSHKey | None = None

    def trusted(self, host: str, address: str, port: int | None) -> tuple[list[asyncssh.SSHKey], ...]:
        """Return the trusted keys, authorities and revoked keys; asyncssh calls this before the key exchange.

        *address* is ignored: a key known for the address, perhaps as that of another host, proves nothing about the name.
        """
        self.known = self._look_up(host, port)
        revoked = [item.key for item in self.known.revoked]
        if not self.strict:
            return [], [], revoked
        return [item.key for item in self.known.keys], [item.key for item in self.known.authorities], revoked

    def algorithms(self, host: str, port: int) -> str:
        """Return the key algorithms to request from *host*, in asyncssh's format: known ones first, so that it presents a known key.

        The others follow, so that a host that has lost all known keys presents another one.
        """
        known = self._look_up(host, port)
        kinds = [kind for item in known.keys for kind in _signatures(item.key)]
        signed = [_SIGNED] if self.strict and known.authorities else []
        return ",".join(dict.fromkeys((*signed, *kinds, *_ALGORITHMS)))

    def accept(self, host: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Return True if *key*, an untrusted key of the host or of its authority, is accepted nevertheless."""
        self.presented = key
        if self.strict:
            return False
        if key not in [item.key for item in (*self.known.keys, *self.known.authorities)]:
            state = "has changed" if self.changed else "is not known"
            _LOGGER.warning("the host key of %s port %s %s and was accepted unchecked: %s", host, port, state, shown(key))
        return True

    def _look_up(self, host: str, port: int | None) -> KnownKeys:
        place = host, SSH_PORT if self._aliased or port is None else port
        if place not in self._looked_up:
            self._looked_up[place] = look_up(self.files, *place)
        return self._looked_up[place]

    @property
    def changed(self) -> bool:
        """True if other keys are known for the host; meaningful once an unknown key was presented."""
        return self.known.exact and bool(self.known.keys or self.known.authorities)


def _signatures(key: asyncssh.SSHKey) -> tuple[str, ...]:
    kind = key.get_algorithm()
    return _RSA if kind == "ssh-rsa" else (kind,)


def _collect(files: Sequence[KnownHostsFile], name: str) -> KnownKeys:
    found = KnownKeys()
    lists = {"": found.keys, "@cert-authority": found.authorities, "@revoked": found.revoked}
    for file in files:
        for number, marker, patterns, text in _entries(file):
            if _matches(patterns, name) and (key := _key(file.path, number, text)) is not None:
                lists[marker].append(KnownKey(key, file.path, number))
    return found


def _entries(file: KnownHostsFile) -> Iterator[tuple[int, str, str, str]]:
    """Yield the entries of *file*: line number, marker, patterns, and the key with its type."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) < 3 or marker not in ("", *_MARKERS):
            _LOGGER.warning("ignoring line %d of %s, which is not a valid known-hosts entry", number, file.path)
            continue
        yield number, marker, words[0], f"{words[1]} {words[2]}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        _LOGGER.warning("the known-hosts file %s cannot be read: %s", file, error)
        return ""


def _key(file: Path, number: int, text: str) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError as error:
        _LOGGER.debug("ignoring the key in line %d of %s: %s", number, file, error)
        return None


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|"):
        return _matches_hash(patterns, name)
    if name not in patterns.lower() and not any(character in patterns for character in "*?"):
        return False
    hit = False
    for pattern in patterns.lower().split(","):
        if pattern.startswith("!") and _wildcards(pattern[1:]).fullmatch(name):
            return False
        hit = hit or bool(_wildcards(pattern).fullmatch(name))
    return hit


def _matches_hash(pattern: str, name: str) -> bool:
    try:
        _, version, salt, digest = pattern.split("|")
        known = base64.b64decode(digest)
        return version == "1" and hmac.compare_digest(known, hmac.digest(base64.b64decode(salt), name.encode(), "sha1"))
    except (ValueError, binascii.Error):
        return False


@functools.lru_cache(maxsize=1024)
def _wildcards(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern))
