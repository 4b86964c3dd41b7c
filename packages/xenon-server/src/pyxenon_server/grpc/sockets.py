"""Where a server listens: ports, and Unix sockets in a folder that nobody else can enter.

gRPC opens the sockets itself and says little when it cannot, and it takes the place of a Unix socket on which another server listens. So
what can go wrong is looked for first, and said.
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
    """The folder of a Unix socket is not its owner's alone."""


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is this machine's loopback and nothing else. Resolves names, and so may block."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for _, address in _addresses_of(host))


@dataclass(frozen=True)
class Port:
    """A TCP port on every address of a host; port 0 is one that is free."""

    host: str
    number: int

    def open(self, open_one: Callable[[str], int]) -> Port:
        """Let *open_one*, which takes ``address:port`` and gives the port, open it on each address; returns what it is then.

        Raises :class:`~pyxenon_core.errors.ServerStartError` saying why it cannot be opened.
        """
        number, refusal = self.number, None
        opened = 0
        for family, address in _addresses_of(self.host):
            try:
                _try_to_bind(family, address, number)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    self._fail(error)
                refusal = error  # a machine without IPv6 still has a localhost
                continue
            number = self._open(open_one, f"[{address}]:{number}" if family is socket.AF_INET6 else f"{address}:{number}")
            opened += 1
        if not opened and refusal is not None:
            self._fail(refusal)
        return Port(self.host, number)

    def connect(self) -> None:
        """Connect and hang up; raises OSError when nothing listens."""
        family, address = _addresses_of(self.host)[0]
        unspecified = ipaddress.ip_address(address.partition("%")[0]).is_unspecified
        here = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[family] if unspecified else address
        socket.create_connection((here, self.number), timeout=_SECONDS_FOR_A_CONNECTION).close()

    def __str__(self) -> str:
        return f"port {self.number} of {self.host}"

    def _open(self, open_one: Callable[[str], int], address: str) -> int:
        try:
            return open_one(address)
        except RuntimeError as error:  # grpcio's, which says no more than that
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
    """A socket in the file system. Its folder is the lock on its door."""

    path: Path

    @classmethod
    def at(cls, path: str | Path) -> UnixSocket:
        """The socket at *path*, which may be relative; raises :class:`~pyxenon_core.errors.ServerStartError` where it is too long."""
        try:
            absolute = Path(path).expanduser().absolute()
        except (RuntimeError, OSError) as error:  # ~ of a user who is unknown, or a working directory that is gone
            raise ServerStartError(f"cannot make the socket's path {path} absolute: {error}") from error
        if len(os.fsencode(absolute)) > _LONGEST_SOCKET_PATH:
            hint = "Choose a shorter path, such as one in /tmp"
            raise ServerStartError(f"the socket's path {absolute} is longer than {_LONGEST_SOCKET_PATH} bytes", hint=hint)
        return cls(absolute)

    @property
    def address(self) -> str:
        """As gRPC takes it."""
        return f"unix:{quote(os.fsencode(self.path))}"

    def open(self, open_one: Callable[[str], int]) -> None:
        """Make the folder, and let *open_one*, which takes :attr:`address`, listen there.

        A socket that a dead server left is replaced. Raises :class:`UnsafeFolderError` for a folder that others can enter, and
        :class:`~pyxenon_core.errors.ServerStartError` when a server is running there already.
        """
        _make_private(self.path.parent)
        try:
            with _locked(self.path.parent):  # two that start at once must not both find the place free
                self._clear()
                open_one(self.address)
            self.path.chmod(0o600)
        except RuntimeError as error:  # grpcio's, which says no more than that
            raise ServerStartError(f"cannot listen on {self}: {error}") from error
        except OSError as error:
            raise ServerStartError(f"cannot listen on {self}: {error.strerror}") from error

    def connect(self) -> None:
        """Connect and hang up; raises OSError when nothing listens."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_SECONDS_FOR_A_CONNECTION)
            line.connect(str(self.path))

    def identity(self) -> tuple[int, int]:
        """Which file it is: another server's socket at the same path is another."""
        status = self.path.lstat()
        return status.st_dev, status.st_ino

    def remove(self, identity: tuple[int, int]) -> None:
        """Remove it, if it is there and still that one."""
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
            return True  # one that is too busy to answer is alive
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
        with contextlib.suppress(OSError):  # not every network's file system has locks; two that start at once are rare
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _addresses_of(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of *host*, IPv4 first, since that is what most clients try first."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServerStartError(f"cannot listen on {host!r}: there is no such host: {error}", hint="Choose another --host") from error
    return sorted({(family, str(address[0])) for family, _, _, _, address in found}, key=lambda one: one[0] is not socket.AF_INET)


def _try_to_bind(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6 and address != "::":  # there gRPC takes the port of IPv4 as well
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        trial.bind((address, port))
        if port:
            trial.listen(1)  # on Linux, two may bind with SO_REUSEADDR, but only one may listen
