"""The target ``embedded:`` for the entry point group ``xenon.targets``: the server inside the program that uses it."""

from __future__ import annotations

from pathlib import Path

from pyxenon_core.errors import TargetError
from pyxenon_core.targets import InProcessEndpoint, Target
from pyxenon_server import __version__
from pyxenon_server.server import Server

__all__ = ["open_target"]


def open_target(target: Target) -> InProcessEndpoint:
    """Create a server inside this program for ``embedded:[?home=/path]``, without starting a process or opening a port.

    ``home`` is the absolute path of the directory that contains ``.ssh`` (known hosts, configuration and keys); ``~`` is expanded. The
    default is the user's home directory. Raises TargetError if *target* has an address, another option or an unusable ``home``.
    """
    if target.address:
        raise TargetError(target.text, "embedded: takes no address; for a running server use grpcs://host:port or unix:///path")
    home = target.accept_options("home").get("home")
    server = Server(None if home is None else _home(target, home))
    return InProcessEndpoint(server.servicers, aclose=server.close, release=f"xenon-server {__version__}")


def _home(target: Target, text: str) -> Path:
    try:
        home = Path(text).expanduser()
    except RuntimeError as error:  # ~ of an unknown user
        raise TargetError(target.text, f"cannot expand its option home, {text!r}: {error}") from error
    if not home.is_absolute() or not home.is_dir():
        raise TargetError(target.text, f"its option home is {text!r}; it must be the absolute path of an existing directory")
    return home
