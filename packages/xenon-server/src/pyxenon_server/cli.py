"""The command ``xenon-server``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyxenon_core.errors import ServerStartError
from pyxenon_server import __version__
from pyxenon_server.grpc.keys import ServerKeys
from pyxenon_server.grpc.sockets import Port, UnixSocket, UnsafeFolderError, is_loopback

if TYPE_CHECKING:
    from pyxenon_server.grpc.serving import Listening, Serving

__all__ = ["main"]

DEFAULT_PORT = 50051
DEFAULT_HOST = "localhost"
_KEY_OPTIONS = ("server_cert_chain", "server_private_key", "client_cert_chain")
_INTERRUPTED = 128 + signal.SIGINT
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

_DESCRIPTION = """\
Serve Xenon's interface over gRPC, without a JVM: files and jobs on this machine, over SSH and on clusters, through
the installed adaptors. Connect with PyXenon or any other client of xenon-grpc. Whoever can reach the server can use
the files of the user that it runs as, and run programs as that user. So on a port, clients must show a certificate,
and a socket is in a directory that only its owner can enter."""

_EPILOG = f"""\
examples:
  xenon-server --uds ~/.xenon/run/server.sock
      for your own programs on this machine, which connect to unix:///home/…/.xenon/run/server.sock
  xenon-server --server-cert-chain server.pem --server-private-key server.key --client-cert-chain client.pem
      mutual TLS on port {DEFAULT_PORT} of this machine; see the README for how to make the keys
  xenon-server --host 0.0.0.0 --server-cert-chain …
      the same, for other machines too

The server runs until SIGTERM or SIGINT (Ctrl-C). Running calls then get a few seconds, the jobs and copies that the
server runs itself are ended, and what clients left open is closed. Another signal, a second or more later, ends it at
once. Exit status: 0 when it was stopped, 1 when it could not start, 2 for options that are wrong or unsafe."""


class _RefusalError(Exception):
    """Options that contradict each other, or that would let others use the server."""


def main(arguments: Sequence[str] | None = None, open_services: Callable[[], Awaitable[Serving]] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 if the server cannot start, or 2 for options that are wrong or unsafe.

    *open_services* returns the services to serve; by default those of the installed adaptors.
    """
    options = _parser().parse_args(arguments)
    if options.proto:
        return _print_proto()
    _set_up_logging(options.verbose)
    try:
        asyncio.run(_serve(options, open_services or _open_server))
    except KeyboardInterrupt:  # only before it listens; later, Ctrl-C stops the server like SIGTERM
        return _INTERRUPTED
    except (_RefusalError, UnsafeFolderError) as refusal:
        return _complain(refusal, 2)
    except ServerStartError as error:
        return _complain(error, 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xenon-server",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=_port, metavar="N", help=f"the TCP port (default: {DEFAULT_PORT}); 0 takes a free one and prints it")
    add(
        "--host",
        type=_host,
        metavar="HOST",
        help=f"the name or address to listen on (default: {DEFAULT_HOST}); 0.0.0.0 is every address of this machine",
    )
    add("--uds", type=_path, metavar="PATH", help="listen on a Unix socket; no port is opened unless --port or --host is given too")
    keys = parser.add_argument_group("mutual TLS, all three or none (PEM files)")
    keys.add_argument("--server-cert-chain", type=_path, metavar="FILE", help="the server's certificate and the intermediate certificates")
    keys.add_argument("--server-private-key", type=_path, metavar="FILE", help="the server's private key, without a passphrase")
    keys.add_argument("--client-cert-chain", type=_path, metavar="FILE", help="the clients' certificates, or those that sign them")
    add("--insecure", action="store_true", help="listen on a port without TLS: everyone who reaches it can do everything")
    add("--proto", action="store_true", help="print the interface definition, xenon.proto, and exit")
    add("-v", "--verbose", action="count", default=0, help="log more to standard error: -v failed calls, -vv every call")
    add("--version", action="version", version=f"xenon-server {__version__}")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _host(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text  # the notation for IPv6 addresses in targets


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("a path is missing")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~ of an unknown user
        raise argparse.ArgumentTypeError(f"{text!r} cannot be understood: {error}") from error


def _print_proto() -> int:
    from pyxenon_server._generated.descriptor import PROTO

    try:
        print(PROTO, end="", flush=True)
    except BrokenPipeError:  # for example, a pager was closed
        # Python flushes standard output once more when it exits, which must not raise BrokenPipeError again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _set_up_logging(verbosity: int) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("xenon").setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])


def _complain(error: Exception, status: int) -> int:
    print(f"xenon-server: {error}", file=sys.stderr)
    return status


async def _serve(options: argparse.Namespace, open_services: Callable[[], Awaitable[Serving]]) -> None:
    listening = await asyncio.to_thread(_listening, options)
    from pyxenon_server.grpc.serving import serve  # late, since gRPC takes most of the import time

    await serve(open_services, listening, lambda places: _announce(places, listening))


async def _open_server() -> Serving:
    from pyxenon_server.server import Server

    return Server()


def _listening(options: argparse.Namespace) -> Listening:
    """Return where to listen; raises :class:`_RefusalError` if that would let others use the server."""
    from pyxenon_server.grpc.serving import Listening

    keys = _keys(options)
    socket = None if options.uds is None else UnixSocket.at(options.uds)
    if socket is not None and options.port is None and options.host is None:
        if keys or options.insecure:
            raise _RefusalError("keys and --insecure are for a port, and --uds alone opens none: add --port, or leave them out")
        return Listening(socket=socket)
    port = Port(options.host or DEFAULT_HOST, DEFAULT_PORT if options.port is None else options.port)
    _require_trust(port, keys, options.insecure)
    return Listening(port, keys, socket)


def _keys(options: argparse.Namespace) -> ServerKeys | None:
    given = {name: getattr(options, name) for name in _KEY_OPTIONS}
    missing = [f"--{name.replace('_', '-')}" for name, path in given.items() if path is None]
    if len(missing) == len(given):
        return None
    if missing:
        raise _RefusalError(f"mutual TLS needs all three files or none; missing: {', '.join(missing)}")
    return ServerKeys(*given.values())


def _require_trust(port: Port, keys: ServerKeys | None, insecure: bool) -> None:
    if keys is not None:
        if insecure:
            raise _RefusalError("--insecure means no TLS, but keys mean mutual TLS: leave one of them out")
        return
    loopback = is_loopback(port.host)
    who = "every user of this machine" if loopback else "everyone who reaches this machine over the network"
    if not insecure:
        raise _RefusalError(
            f"refusing to listen on {port} without mutual TLS: {who} could read and delete your files and run programs as you.\n"
            "Give --server-cert-chain, --server-private-key and --client-cert-chain (see the README for how to make the files),\n"
            "or --uds PATH for a socket that only you can reach, or --insecure if all of them may do everything."
        )
    logging.getLogger("xenon.server").warning("%s is open without TLS: %s can use your files and run programs as you", port, who)


def _announce(places: Sequence[Port | UnixSocket], listening: Listening) -> None:
    for place in places:
        how = "" if isinstance(place, UnixSocket) else " with mutual TLS" if listening.keys else " without TLS"
        with contextlib.suppress(OSError, ValueError):  # standard output may be closed, which must not stop the server
            print(f"Server started, listening on {place}{how}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
