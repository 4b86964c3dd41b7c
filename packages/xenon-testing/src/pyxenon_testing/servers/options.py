"""The options of a server."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

__all__ = ["DEFAULT_SUITE", "SLURM_RELEASES", "ServerOptions"]

DEFAULT_SUITE = "bookworm"
# The Slurm release in each Debian suite.
SLURM_RELEASES = {"bullseye": "20.11", "bookworm": "22.05", "trixie": "24.11", "forky": "26.05"}
_SUITES = {release: suite for suite, release in SLURM_RELEASES.items()}
# The accounts that Debian or the servers' packages create.
_SYSTEM_ACCOUNTS = re.compile(
    "root|daemon|bin|sys|sync|games|man|lp|mail|news|uucp|proxy|backup"
    "|list|irc|gnats|nobody|sshd|munge|slurm|mysql|sgeadmin|ftp|messagebus|www-data|_.*|systemd.*"
)
_WORD = "[a-z][a-z0-9_-]*"


def _text(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"the option {attribute.name} must be a text in quotes, not {value!r}")


def _suite_of(text: str) -> str:
    return _SUITES.get(text, text) if isinstance(text, str) else text


def _known_suite(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value not in SLURM_RELEASES:
        known = ", ".join(f"{suite} (Slurm {release})" for suite, release in SLURM_RELEASES.items())
        raise ValueError(f"there is no Debian suite, or release of Slurm, {value!r} for servers; there are: {known}")


def _like(pattern: str, example: str) -> Callable[[Any, attrs.Attribute[str], str], None]:
    def check(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"the option {attribute.name} must be of the form of {example!r}, not {value!r}")

    return check


def _no_system_account(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if _SYSTEM_ACCOUNTS.fullmatch(value):
        raise ValueError(f"the option {attribute.name} cannot be {value!r}, which is an account of the system; choose another, such as ada")


@attrs.frozen(kw_only=True)
class ServerOptions:
    """The options of a server. Two requests with equal options get the same server.

    Attributes:
        suite: The Debian suite it runs: bullseye, bookworm, trixie or forky; a Slurm release, such as ``24.11``, selects the suite that
            has it.
        username: The account that tests log in with.
        disk: The size of the disk of the account's home, such as ``256m``. It is in memory, which it uses only as it fills.
        copy: A name that distinguishes servers with otherwise equal options, such as ``second``. In a test, ``{worker}`` in it is
            replaced by the worker of pytest-xdist: tests that break a server use ``copy="broken-{worker}"``, so that no other test
            uses it at the same time.
        configuration: Lines to append to the server's configuration file, for the kinds slurm (``slurm.conf``) and ssh
            (``sshd_config``).
    """

    suite: str = attrs.field(default=DEFAULT_SUITE, converter=_suite_of, validator=[_text, _known_suite])
    username: str = attrs.field(default="xenon", validator=[_like(_WORD, "xenon"), _no_system_account])
    disk: str = attrs.field(default="256m", validator=_like("[1-9][0-9]*[kmg]", "256m"))
    copy: str = attrs.field(default="", validator=_like(f"({_WORD})?", "second"))
    configuration: str = attrs.field(default="", validator=_text)

    @classmethod
    def named(cls, options: Mapping[str, str]) -> ServerOptions:
        """Return the *options* given by name; raises ValueError for an unknown name or an invalid value."""
        known = [field.name for field in attrs.fields(cls)]
        for name in options:
            if name not in known:
                raise ValueError(f"servers have no option {name!r}; there are: {', '.join(known)}")
        return cls(**options)

    def key(self, kind: str) -> str:
        """Return a word, usable as a file name, that is the same only for equal options of the same *kind*."""
        text = "\0".join(str(value) for value in attrs.astuple(self))
        return f"{kind}-{self.suite}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
