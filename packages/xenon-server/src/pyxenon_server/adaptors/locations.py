"""Locations of file systems and schedulers, parsed into hosts and a working directory."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyxenon_core.errors import InvalidLocationException

__all__ = ["HostPort", "SchedulerLocation", "SshLocation", "parse_local", "parse_scheduler", "parse_ssh"]

_VIA = " via:"
# Host names must not contain shell metacharacters: commands of the SSH configuration, such as ProxyCommand, get the name for %h.
_NO_NAME = r"\s:/@\[\]'\"`$\\;&<>|(){}*?!#~^\x00-\x1f\x7f"
_HOST = re.compile(rf"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^{_NO_NAME}]+))(?::(?P<port>[0-9]{{1,5}}))?")
_PEOPLE = re.compile(r".*@", re.DOTALL)
_SSH_FORM = "host[:port][/workdir][ via:otherhost[:port]]*"


@dataclass(frozen=True)
class HostPort:
    """A host by name or address, and a port; None for the port from the SSH configuration, else the protocol's default port."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True)
class SshLocation:
    """``host[:port][/workdir][ via:otherhost[:port]]*``: *via* lists the jump hosts, beginning with the one reached directly from here."""

    target: HostPort
    workdir: str = ""
    via: tuple[HostPort, ...] = ()

    def __str__(self) -> str:
        return f"{self.target}{self.workdir}{''.join(f'{_VIA}{hop}' for hop in self.via)}"


@dataclass(frozen=True)
class SchedulerLocation:
    """``local://[/workdir]`` (*ssh* is None) or ``ssh://host…``."""

    workdir: str = ""
    ssh: SshLocation | None = None


def parse_local(adaptor: str, location: str, given: str = "") -> str:
    """Return the working directory in a location on this machine, or an empty string. Raises InvalidLocationException.

    *given* is the whole location, for errors, if *location* is only a part of it.
    """
    if location and not location.startswith("/"):
        raise _bad(adaptor, given or location, "use an absolute path such as /home/me, or leave it empty")
    if "\0" in location:
        raise _bad(adaptor, given or location, "it contains a null character")
    return location


def parse_ssh(adaptor: str, location: str, given: str = "") -> SshLocation:
    """Return the hosts and the working directory in an SSH location. Raises InvalidLocationException.

    *given* is the whole location, for errors, if *location* is only a part of it.
    """
    given = given or location
    first, *hops = location.split(_VIA)
    address, slash, path = first.partition("/")
    if "@" in address:
        raise _bad(adaptor, given, "put the user name in the credential instead")
    if "\0" in location or (address.endswith(":") and path.startswith("/")):
        raise _bad(adaptor, given, f"expected {_SSH_FORM}, without a scheme")
    via = tuple(_host(adaptor, given, hop) for hop in hops)
    return SshLocation(_host(adaptor, given, address), slash + path, via)


def parse_scheduler(adaptor: str, location: str) -> SchedulerLocation:
    """Parse the location of a batch system. Raises InvalidLocationException."""
    if location in ("", "local:"):
        return SchedulerLocation()
    scheme, mark, rest = location.partition("://")
    if mark and scheme == "local":
        return SchedulerLocation(parse_local(adaptor, rest, location))
    if mark and scheme == "ssh":
        place = parse_ssh(adaptor, rest, location)
        return SchedulerLocation(place.workdir, place)
    raise _bad(adaptor, location, f"expected local://[/workdir] or ssh://{_SSH_FORM}")


def _host(adaptor: str, location: str, text: str) -> HostPort:
    match = _HOST.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if not match or (port is not None and not 1 <= port <= 65535):
        raise _bad(adaptor, location, f"expected {_SSH_FORM} with a port from 1 to 65535")
    host = match["six"] or match["host"]
    if host.startswith("-"):
        raise _bad(adaptor, location, "a host name cannot begin with a dash")
    return HostPort(host, port)


def _bad(adaptor: str, location: str, why: str) -> InvalidLocationException:
    shown = _PEOPLE.sub("***@", location)  # the part before @ may contain a password
    return InvalidLocationException(f"the location {shown!r} cannot be used: {why}", adaptor=adaptor)
