"""Targets: strings that say where a server is and how to reach it.

A target such as ``java:``, ``grpcs://host:50051?ca=ca.pem`` or ``unix:///run/xenon.sock`` is parsed into a :class:`Target` and opened
into an endpoint: an address to connect to, or a pair of servicers in this process. Schemes other than ``grpc``, ``grpcs`` and ``unix``
come from the entry point group ``xenon.targets``, so that this package does not depend on any server.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from pyxenon_core.errors import TargetError
from pyxenon_core.home_loop import HomeLoop

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from pyxenon_core.services import Servicers

ENTRY_POINT_GROUP = "xenon.targets"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# The packages to install for the schemes of this project; this package depends on none of them.
_PROVIDERS = {"java": "'pyxenon[java]'", "embedded": "pyxenon-server"}
_FORMS = "embedded:, java:, grpcs://host:port, grpc://localhost:port or unix:///path"


@dataclass(frozen=True)
class Target:
    """A parsed target string: ``scheme:[//address][?option=value&…]``."""

    text: str
    scheme: str
    address: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parse *text*; raises :class:`~pyxenon_core.errors.TargetError` if it has no scheme or cannot be split."""
        if not isinstance(text, str):
            raise TypeError(f"a target must be a str such as 'java:', not {type(text).__name__}")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise TargetError(text, str(error)) from error
        if not parts.scheme:
            raise TargetError(text, f"it has no scheme; write one of {_FORMS}")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(text, parts.scheme, parts.netloc + parts.path, MappingProxyType(options))

    def accept_options(self, *names: str) -> Mapping[str, str]:
        """Return the options; raises :class:`~pyxenon_core.errors.TargetError` if one is not among *names*."""
        unknown = sorted(set(self.options) - set(names))
        if unknown:
            known = ", ".join(names) or "none"
            raise TargetError(self.text, f"unknown option {', '.join(unknown)}; {self.scheme}: accepts {known}")
        return self.options


@dataclass(frozen=True)
class TlsKeys:
    """Keys and certificates for mutual TLS, as PEM bytes, which are left out of the repr.

    ``server_name`` is the name in the server's certificate if that differs from the host that is connected to.
    """

    root_certificates: bytes | None = field(default=None, repr=False)
    certificate_chain: bytes | None = field(default=None, repr=False)
    private_key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None


def _nothing() -> None:
    """Do nothing: there is nothing to release."""


async def _nothing_to_await() -> None:
    """Do nothing: there is nothing to end."""


def _no_diagnosis() -> str:
    """Return an empty diagnosis: only the address of the server is known."""
    return ""


@dataclass(frozen=True)
class GrpcEndpoint:
    """A running gRPC server.

    ``address`` is ``host:port`` or ``unix:///path``; ``tls`` is None for plain text. ``close`` releases the server (a child process is
    ended), may block for seconds and may be called twice. ``diagnose`` returns a sentence about a server that has stopped answering.
    ``release`` is the name and version of the server, such as ``xenon-grpc 3.0.1``, if known.
    """

    address: str
    tls: TlsKeys | None = None
    close: Callable[[], None] = _nothing
    diagnose: Callable[[], str] = _no_diagnosis
    release: str = ""

    def lent(self) -> GrpcEndpoint:
        """Return an endpoint of the same server for another client, which leaves the server running."""
        return replace(self, close=_nothing)


@dataclass(frozen=True)
class InProcessEndpoint:
    """A server inside this process, whose servicers are called directly.

    ``home`` is the event loop on which they are called, which is that of the first call. ``aclose`` ends the server, on that loop.
    ``release`` is the name and version of the server.
    """

    servicers: Servicers
    aclose: Callable[[], Coroutine[Any, Any, None]] = _nothing_to_await
    home: HomeLoop = field(default_factory=HomeLoop)
    release: str = ""

    def lent(self) -> InProcessEndpoint:
        """Return an endpoint of the same server for another client, which leaves the server running."""
        return replace(self, aclose=_nothing_to_await)


Endpoint = GrpcEndpoint | InProcessEndpoint


class TargetOpener(Protocol):
    """The signature of entry points in the group ``xenon.targets``. They may block: the asynchronous layer calls them in a thread."""

    def __call__(self, target: Target, /) -> Endpoint:
        """Start the server of *target* if need be, and return its endpoint."""
        ...


def open_target(text: str) -> Endpoint:
    """Start the server that the target *text* names, if need be, and return its endpoint. Blocks while a server starts.

    Raises :class:`~pyxenon_core.errors.TargetError` if the target is malformed or unknown, and
    :class:`~pyxenon_core.errors.ServerStartError` if the server does not start.
    """
    target = Target.parse(text)
    opener = _BUILT_IN.get(target.scheme) or _find_opener(target)
    return opener(target)


def installed_schemes() -> frozenset[str]:
    """Return the schemes that installed packages provide, without the built-in ones."""
    return frozenset(point.name for point in _entry_points())


def _find_opener(target: Target) -> TargetOpener:
    for point in _entry_points().select(name=target.scheme):
        opener: TargetOpener = point.load()
        return opener
    known = ", ".join(sorted({*_BUILT_IN, *installed_schemes()}))
    provider = f"; install it with pip install {_PROVIDERS[target.scheme]}" if target.scheme in _PROVIDERS else ""
    meant = f"; for a server that is already running there, write grpc://{target.text}" if target.address.isdigit() else ""
    raise TargetError(target.text, f"nothing installed provides the scheme {target.scheme!r}; available are {known}{provider}{meant}")


def _entry_points() -> EntryPoints:
    # Imported late: it loads Python's e-mail and zip parsers, which take a fifth of the time of `import xenon`.
    from importlib import metadata

    return metadata.entry_points(group=ENTRY_POINT_GROUP)


def _open_grpc(target: Target) -> GrpcEndpoint:
    host, port = _host_and_port(target)
    insecure = target.accept_options("insecure").get("insecure", "")
    if host not in LOOPBACK_HOSTS and insecure != "yes":
        raise TargetError(
            target.text, "without encryption, anyone on the network can read and change the traffic; use grpcs://, or add ?insecure=yes"
        )
    return GrpcEndpoint(_join(host, port))


def _open_grpcs(target: Target) -> GrpcEndpoint:
    host, port = _host_and_port(target)
    options = target.accept_options("ca", "cert", "key", "server_name")
    if ("cert" in options) != ("key" in options):
        raise TargetError(target.text, "cert and key go together: give both or neither")
    pem = {name: _read_pem(target, name, Path(options[name])) for name in ("ca", "cert", "key") if name in options}
    keys = TlsKeys(pem.get("ca"), pem.get("cert"), pem.get("key"), options.get("server_name"))
    return GrpcEndpoint(_join(host, port), keys)


def _open_unix(target: Target) -> GrpcEndpoint:
    target.accept_options()
    if not target.address.startswith("/"):
        raise TargetError(target.text, "a socket needs an absolute path, such as unix:///run/xenon.sock")
    return GrpcEndpoint(f"unix://{target.address}")


def _host_and_port(target: Target) -> tuple[str, int]:
    parts = urlsplit(target.text)
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path not in ("", "/"):
        raise TargetError(target.text, f"expected {target.scheme}://host:port with a port from 1 to 65535")
    return parts.hostname, port


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read_pem(target: Target, option: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except (OSError, ValueError) as error:
        raise TargetError(target.text, f"the file of its option {option} cannot be read: {error}") from error


_BUILT_IN: Mapping[str, TargetOpener] = {"grpc": _open_grpc, "grpcs": _open_grpcs, "unix": _open_unix}
