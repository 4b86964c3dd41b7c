"""The command ``xenon-testing``, which starts the fixtures' servers from a terminal."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from types import FrameType
from typing import Any

from pyxenon_testing.engine.base_image import make_base_image
from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import DEFAULT_BASE, ensure_image
from pyxenon_testing.errors import TestingError
from pyxenon_testing.progress import Steps
from pyxenon_testing.servers.kinds import KINDS, kind_named
from pyxenon_testing.servers.listing import list_servers, show_log
from pyxenon_testing.servers.options import DEFAULT_SUITE, SLURM_RELEASES, ServerOptions
from pyxenon_testing.servers.running import prune
from pyxenon_testing.servers.terminal import NamedServer, named_servers
from pyxenon_testing.servers.usage import usage
from pyxenon_testing.table import print_table

__all__ = ["main"]

FAILED, WRONG_USAGE, SIGNALLED = 1, 2, 128
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DESCRIPTION = """\
Run real servers in Docker to try programs on: start one, connect to it from
Python or a shell, and remove it.
"""
_EXAMPLES = """\
examples:
  xenon-testing up ssh                  start an ssh server, show how to use it
  xenon-testing up slurm --suite 24.11  start a cluster with this Slurm release
  xenon-testing up ssh --name second    start another one with its own name
  xenon-testing list                    list the running servers
  xenon-testing logs slurm --follow     show the logs of its daemons
  xenon-testing down --all              remove all servers started this way

In Python, when an ssh server is running:
  >>> from pyxenon_testing import attach
  >>> files = attach("ssh").filesystem()

xenon-testing up --help lists the kinds of server.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 with the reason on standard error, or 2 for wrong usage.

    A signal such as Ctrl-C removes what was half started and then raises SystemExit with 128 plus the signal's number.
    """
    options = _parser().parse_args(arguments)
    try:
        with _ended_by_signals(), _engine_errors():
            return int(options.run(options))
    except BrokenPipeError:  # the reader has closed the pipe, like head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SIGNALLED + signal.SIGPIPE
    except (TestingError, ValueError, OSError) as error:
        print(f"xenon-testing: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xenon-testing", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('pyxenon-testing')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_up(commands)
    _add_down(commands)
    _add(commands, _list, "list", "list the running servers, including those of test sessions")
    _add_logs(commands)
    _add(commands, _prune, "prune", "remove what killed test sessions and stopped servers have left behind")
    _add_build(commands)
    _add_base_image(commands)
    return parser


def _add(commands: Any, run: Any, name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    description = f"{text[0].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=description, epilog=epilog, formatter_class=shape)
    parser.set_defaults(run=run)
    return parser


def _kinds() -> str:
    return "kinds of server:\n" + "\n".join(f"  {name:18} {kind.title}" for name, kind in KINDS.items())


def _suites() -> str:
    releases = "\n".join(f"  {suite:18} {release}" for suite, release in SLURM_RELEASES.items())
    return f"Debian suites and their Slurm releases:\n{releases}"


def _add_up(commands: Any) -> None:
    parser = _add(commands, _up, "up", "start a server and show how to use it", f"{_kinds()}\n\n{_suites()}")
    parser.add_argument("kind", metavar="KIND", help="the kind of server; see below")
    parser.add_argument("--name", help="the server's name (default: the kind)")
    parser.add_argument("--suite", metavar="SUITE|RELEASE", help=f"the Debian suite or Slurm release (default: {DEFAULT_SUITE})")
    parser.add_argument("--username", help=f"the account to log in with (default: {ServerOptions().username})")
    parser.add_argument("--disk", metavar="SIZE", help=f"the size of the account's home disk, such as 1g (default: {ServerOptions().disk})")
    _add_base(parser)


def _add_down(commands: Any) -> None:
    parser = _add(commands, _down, "down", "remove servers and everything on them")
    parser.add_argument("names", metavar="NAME", nargs="*", help="the server's name")
    parser.add_argument("--all", action="store_true", help="remove all servers started with xenon-testing up")
    parser.set_defaults(usage_error=parser.error)


def _add_logs(commands: Any) -> None:
    parser = _add(commands, _logs, "logs", "show the logs of a server's daemons")
    parser.add_argument("name", metavar="NAME", help="the name of the server, or of a test session's container")
    parser.add_argument("-f", "--follow", action="store_true", help="keep showing new lines until the server ends, or Ctrl-C")


def _add_build(commands: Any) -> None:
    parser = _add(commands, _build, "build", "build images ahead of time", f"{_kinds()}\n\n{_suites()}")
    parser.add_argument("kinds", metavar="KIND", nargs="*", help="the kinds to build images for; see below")
    parser.add_argument("--all", action="store_true", help="build the images of all kinds")
    suite = f"the Debian suite or Slurm release; repeatable (default: {DEFAULT_SUITE})"
    parser.add_argument("--suite", metavar="SUITE|RELEASE", action="append", dest="suites", help=suite)
    _add_base(parser)
    parser.set_defaults(usage_error=parser.error)


def _add_base_image(commands: Any) -> None:
    text = "create the base image when it cannot be pulled"
    parser = _add(commands, _base_image, "base-image", text, "It is created with debootstrap, which needs root and takes half a minute.")
    parser.add_argument("suites", metavar="SUITE", nargs="+", help=f"a Debian suite: {', '.join(SLURM_RELEASES)}")


def _add_base(parser: argparse.ArgumentParser) -> None:
    text = f"the base image, with {{suite}} in place of the suite (default: {DEFAULT_BASE})"
    parser.add_argument("--base-image", metavar="IMAGE", type=_image, default=DEFAULT_BASE, help=text)


def _image(text: str) -> str:
    try:
        text.format(suite=DEFAULT_SUITE)
    except (IndexError, KeyError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"invalid image {text!r}: only {{suite}} is replaced in it") from error
    return text


def _up(options: argparse.Namespace) -> int:
    named = NamedServer(options.name or kind_named(options.kind).name)
    wanted = {name: value for name in ("suite", "username", "disk") if (value := getattr(options, name)) is not None}
    with Steps() as steps:
        server, was_up = named.up(options.kind, wanted, options.base_image, steps)
        steps(f"{named.name} is up{' already' if was_up else ''}, on {server.host}:{server.port}")
    print("\n".join(usage(named.name, server, named.ssh_config)))
    return 0


def _down(options: argparse.Namespace) -> int:
    if bool(options.names) == options.all:
        options.usage_error("give the names of the servers, or --all")
    chosen = named_servers() if options.all else [NamedServer(name) for name in options.names]
    with Steps() as steps:
        failures = [failure for named in chosen if (failure := _take_down(named, steps))]
        if not chosen:
            steps("no server is running")
    for failure in dict.fromkeys(failures):
        print(f"xenon-testing: {failure}", file=sys.stderr)
    return FAILED if failures else 0


def _take_down(named: NamedServer, steps: Steps) -> str:
    """Remove the server *named* and return an empty string, or the error: the other servers are removed anyway."""
    try:
        if not named.down(steps):
            raise named.not_running()
    except TestingError as error:
        return str(error)
    steps(f"{named.name} is down")
    return ""


def _list(options: argparse.Namespace) -> int:
    with Steps() as steps:
        for named in named_servers():
            named.remove_if_lost(steps, containers=False)
    rows = list_servers()
    if rows:
        print_table(rows)
    else:
        print("no server is running; start one with: xenon-testing up KIND", file=sys.stderr)
    return 0


def _prune(options: argparse.Namespace) -> int:
    with Steps() as steps:
        removed = prune(steps) + sum(named.remove_if_lost(steps, containers=True) for named in named_servers())
        if not removed:
            steps("nothing to remove")
    return 0


def _logs(options: argparse.Namespace) -> int:
    show_log(options.name, options.follow, sys.stdout.buffer)
    return 0


def _build(options: argparse.Namespace) -> int:
    if bool(options.kinds) == options.all:
        options.usage_error("give the kinds to build, or --all")
    kinds = [kind_named(name) for name in (KINDS if options.all else options.kinds)]
    suites = [ServerOptions(suite=suite).suite for suite in options.suites or [DEFAULT_SUITE]]
    tags = []
    with Steps() as steps:
        connect_engine()
        for suite, kind in itertools.product(suites, kinds):
            if not (options.all and suite in kind.not_on):
                kind.require_fit(ServerOptions(suite=suite))
                tags.append(ensure_image(kind.image, suite, options.base_image, steps))
    print("\n".join(dict.fromkeys(tags)))
    return 0


def _base_image(options: argparse.Namespace) -> int:
    with Steps() as steps:
        for suite in options.suites:
            print(make_base_image(suite, progress=steps))
    return 0


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn exceptions of Docker's library, such as when the engine stops meanwhile, into TestingError."""
    try:
        yield
    except Exception as error:
        from docker.errors import DockerException

        if isinstance(error, DockerException):
            raise TestingError(f"the Docker engine failed: {error}") from error
        raise


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn the first signal that would end the program into SystemExit, so that what was started is removed."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # ignored, for example by nohup
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop the cleanup
    raise SystemExit(SIGNALLED + number)


if __name__ == "__main__":
    sys.exit(main())
