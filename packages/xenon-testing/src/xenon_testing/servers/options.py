"""What can be asked of a server when it is started."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import attrs

__all__ = ["DEFAULT_SUITE", "SLURM_RELEASES", "ServerOptions"]

DEFAULT_SUITE = "bookworm"
# Which Slurm each of Debian's suites has.
SLURM_RELEASES = {"bullseye": "20.11", "bookworm": "22.05", "trixie": "24.11", "forky": "26.05"}
_SUITES = {release: suite for suite, release in SLURM_RELEASES.items()}
_WORD = "[a-z][a-z0-9_-]*"


def _suite_of(text: str) -> str:
    return _SUITES.get(text, text)


def _like(pattern: str, example: str) -> Callable[[Any, attrs.Attribute[str], str], None]:
    def check(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"the option {attribute.name} must be of the form of {example!r}, not {value!r}")

    return check


@attrs.frozen(kw_only=True)
class ServerOptions:
    """What can be asked of a server when it is started. Two requests that are alike get the same server.

    Attributes:
        suite: The Debian suite whose packages it runs: bullseye, bookworm, trixie or forky; a release of Slurm, as ``24.11``, names the
            suite that has it.
        username: The account that tests log in with.
        disk: How large the disk is that the account's home is on, as ``256m``. It is in memory, and used as it fills.
        copy: Tells one server from another that is otherwise alike, as ``second``.
        configuration: Lines for the end of the server's own configuration file, where the kind of server has one (slurm: ``slurm.conf``;
            ssh: ``sshd_config``).
    """

    suite: str = attrs.field(default=DEFAULT_SUITE, converter=_suite_of, validator=_like(_WORD, "trixie"))
    username: str = attrs.field(default="xenon", validator=_like(_WORD, "xenon"))
    disk: str = attrs.field(default="256m", validator=_like("[1-9][0-9]*[kmg]", "256m"))
    copy: str = attrs.field(default="", validator=_like(f"({_WORD})?", "second"))
    configuration: str = ""

    def key(self, kind: str) -> str:
        """A word that is the same for equal options of the same *kind* alone; fit for a file's name."""
        text = "\0".join(str(value) for value in attrs.astuple(self))
        return f"{kind}-{self.suite}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
