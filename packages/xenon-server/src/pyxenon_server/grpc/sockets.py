"""The places where a server listens: ports, and Unix sockets in a directory that other users cannot enter.

gRPC opens the sockets itself, gives little reason if it fails, and replaces a Unix socket on which another server listens. So this module
first checks for what can go wrong, and reports it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from pyxenon_core.errors import ServerStartError

__all__ = ["Port", "UnixSocket", "UnsafeFolderError", "is_loopback"]

_LONGEST_SOCKET_PATH = 107 if os.uname().sysname == "Linux" else 103
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_SECONDS_FOR_A_CONNECTION = 5.0


class UnsafeFolderError(ServerStartError):
    """Other users can enter the directory of a Unix socket, or own it."""


def is_loopback(host: str) -> bool:
    """Return True if *host*, a name or an address, is only this machine's loopback. Resolves names, so it may block."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for _, address in _addresses_of(host))


@dataclass(frozen=True)
class Port:
    """A TCP port on every address of a host; port 0 means a free one."""

    host: str
    number: int

    def open(self, open_one: Callable[[str], int]) -> Port:
        """Open the port on each address with *open_one*, which takes ``address:port`` and returns the port; return the opened port.

        Raises :class:`~pyxenon_core.errors.ServerStartError` with the reason if it cannot be opened.
        """
        number, refusal = self.number, None
        opened = 0
        for family, address in _addresses_of(self.host):
            try:
                _try_to_bind(family, address, number)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    self._fail(error)
                refusal = error  # without IPv6, localhost still has its IPv4 address
                continue
            number = self._open(open_one, f"[{address}]:{number}" if family is socket.AF_INET6 else f"{address}:{number}")
            opened += 1
        if not opened and refusal is not None:
            self._fail(refusal)
        return Port(self.host, number)

    def connect(self) -> None:
        """Connect and disconnect; raises OSError if nothing listens."""
        family, address = _addresses_of(self.host)[0]
        unspecified = ipaddress.ip_address(address.partition("%")[0]).is_unspecified
        here = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[family] if unspecified else address
        socket.create_connection((here, self.number), timeout=_SECONDS_FOR_A_CONNECTION).close()

    def __str__(self) -> str:
        return f"port {self.number} of {self.host}"

    def _open(self, open_one: Callable[[str], int], address: str) -> int:
        try:
            return open_one(address)
        except RuntimeError as error:  # from grpcio, which gives no further reason
            raise ServerStartError(f"cannot listen on {address}: {error}") from error

    def _fail(self, error: OSError) -> NoReturn:
        hints = {
            errno.EADDRINUSE: "End the program that listens there, or choose another --port; 0 takes a free one",
            errno.EACCES: "Choose another --port; those below 1024 are reserved for the system",
            errno.EADDRNOTAVAIL: "Choose another --host; this is not an address of this machine",
        }
        hint = hints.get(error.errno or 0, "Choose another --port or --host")
        raise ServerStartError(f"cannot listen on {self}: {error.strerror}", hint=hint) from error


@dataclass(frozen=True)
class UnixSocket:
    """A Unix socket. Access to it is controlled by its directory's 0700 mode."""

    path: Path

    @classmethod
    def at(cls, path: str | Path) -> UnixSocket:
        """Return the socket at *path*, which may be relative; raises :class:`~pyxenon_core.errors.ServerStartError` if it is too long."""
        try:
            absolute = Path(path).expanduser().absolute()
        except (RuntimeError, OSError) as error:  # ~ of an unknown user, or a working directory that was removed
            raise ServerStartError(f"cannot make the socket's path {path} absolute: {error}") from error
        if len(os.fsencode(absolute)) > _LONGEST_SOCKET_PATH:
            hint = "Choose a shorter path, such as one in /tmp"
            raise ServerStartError(f"the socket's path {absolute} is longer than {_LONGEST_SOCKET_PATH} bytes", hint=hint)
        return cls(absolute)

    @property
    def address(self) -> str:
        """The socket's address in gRPC's notation."""
        return f"unix:{quote(os.fsencode(self.path))}"

    def open(self, open_one: Callable[[str], int]) -> None:
        """Create the directory, and call *open_one* with :attr:`address` to listen there.

        A socket that a dead server left is replaced. Raises :class:`UnsafeFolderError` for a directory that others can enter, and
        :class:`~pyxenon_core.errors.ServerStartError` if a server already listens there.
        """
        _make_private(self.path.parent)
        try:
            with _locked(self.path.parent):  # of two servers that start at once, only one may find the path free
                self._clear()
                open_one(self.address)
            self.path.chmod(0o600)
        except RuntimeError as error:  # from grpcio, which gives no further reason
            raise ServerStartError(f"cannot listen on {self}: {error}") from error
        except OSError as error:
            raise ServerStartError(f"cannot listen on {self}: {error.strerror}") from error

    def connect(self) -> None:
        """Connect and disconnect; raises OSError if nothing listens."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_SECONDS_FOR_A_CONNECTION)
            line.connect(str(self.path))

    def identity(self) -> tuple[int, int]:
        """Return the device and inode of the socket file, which tell it from another server's socket at the same path."""
        status = self.path.lstat()
        return status.st_dev, status.st_ino

    def remove(self, identity: tuple[int, int]) -> None:
        """Remove the socket file, if it exists and still has *identity*."""
        with contextlib.suppress(FileNotFoundError):
            if self.identity() == identity:
                self.path.unlink()

    def __str__(self) -> str:
        return f"unix://{self.path}"

    def _clear(self) -> None:
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ServerStartError(f"cannot listen on {self}: the path exists and is not a socket", hint="Choose another path")
        if self._is_live():
            hint = "Use that server, stop it, or choose another path"
            raise ServerStartError(f"cannot listen on {self}: a server is already listening there", hint=hint)
        self.path.unlink()

    def _is_live(self) -> bool:
        try:
            self.connect()
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except PermissionError as error:
            hint = "Stop its owner's server, if one is running, and remove the socket; or choose another path"
            raise ServerStartError(f"cannot listen on {self}: no permission to use the socket that exists there", hint=hint) from error
        except OSError:
            return True  # a server that is too busy to answer is alive
        return True


def _make_private(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.stat()
    except OSError as error:
        raise ServerStartError(f"cannot create the socket's directory {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise ServerStartError(f"cannot use {folder} as the socket's directory: it is not a directory")
    if status.st_uid != os.geteuid():
        hint = "Choose a directory of your own: its owner decides who can reach the server, and so your files"
        raise UnsafeFolderError(f"the socket's directory {folder} belongs to another user (uid {status.st_uid})", hint=hint)
    if status.st_mode & 0o700 != 0o700:
        raise ServerStartError(
            f"the socket's directory {folder} cannot be used (mode {status.st_mode & 0o777:03o})", hint=f"Run chmod 700 {folder}"
        )
    if status.st_mode & 0o077:
        hint = f"Run chmod 700 {folder}, or choose another directory: whoever reaches the socket can use your files and run programs as you"
        raise UnsafeFolderError(f"other users can enter the socket's directory {folder} (mode {status.st_mode & 0o777:03o})", hint=hint)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks; two servers rarely start at once
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _addresses_of(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses of *host*, IPv4 first, as most clients try them."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServerStartError(f"cannot listen on {host!r}: there is no such host: {error}", hint="Choose another --host") from error
    return sorted({(family, str(address[0])) for family, _, _, _, address in found}, key=lambda one: one[0] is not socket.AF_INET)


def _try_to_bind(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6 and address != "::":  # on :: gRPC takes the IPv4 port as well
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        trial.bind((address, port))
        if port:
            trial.listen(1)  # on Linux, two sockets can bind with SO_REUSEADDR, but only one can listen
