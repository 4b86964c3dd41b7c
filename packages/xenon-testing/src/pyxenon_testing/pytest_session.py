"""A run of pytest: the owner of its servers, which the workers of pytest-xdist share, and when the servers are removed.

The process that the user started is the owner. It tells each worker the session; a worker does not remove servers when it ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pyxenon_testing.options import base_image, chosen_target

if TYPE_CHECKING:
    from pyxenon_testing.engine.ownership import Owner
    from pyxenon_testing.servers.running import Servers

__all__ = ["pytest_configure_node", "pytest_unconfigure", "servers_of", "worker_of"]

_OWNER = pytest.StashKey["Owner"]()
_SERVERS = pytest.StashKey["Servers"]()
_PROCESS = pytest.StashKey[int]()
_HANDED_OVER = "xenon_owner"


def servers_of(config: pytest.Config) -> Servers:
    """Return the servers of this run."""
    if _SERVERS not in config.stash:
        from pyxenon_testing.client import Client
        from pyxenon_testing.servers.running import Servers, session_folder

        owner = _owner_of(config)
        folder = session_folder(owner)
        client = Client(chosen_target(config), folder / "home")
        config.stash[_SERVERS] = Servers(folder, owner, client, base_image(config), lambda text: _tell(config, text))
    return config.stash[_SERVERS]


def worker_of(config: pytest.Config) -> str:
    """Return the name of this worker of pytest-xdist, such as ``gw0``, or ``main`` without workers."""
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the owner to a worker of pytest-xdist."""
    owner = _owner_of(node.config)
    node.workerinput[_HANDED_OVER] = (owner.session, str(owner))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the servers, even after an interrupt; a worker only closes its connection, and a fork does nothing."""
    if config.stash.get(_PROCESS, None) != os.getpid():
        return
    if hasattr(config, "workerinput"):
        if _SERVERS in config.stash:
            config.stash[_SERVERS].client.close()
    elif _SERVERS in config.stash or _have_workers_started_any(config):
        _remove(config)


def _have_workers_started_any(config: pytest.Config) -> bool:
    from pyxenon_testing.servers.running import existing_folder

    return existing_folder(_owner_of(config).session) is not None


def _remove(config: pytest.Config) -> None:
    from pyxenon_testing.errors import TestingError

    try:
        servers_of(config).remove()
    except TestingError as error:
        _tell(config, f"{error}. The next run removes what is left; to do it now: xenon-testing prune")


def _owner_of(config: pytest.Config) -> Owner:
    if _OWNER not in config.stash:
        from pyxenon_testing.engine.ownership import Owner

        given = getattr(config, "workerinput", {}).get(_HANDED_OVER)
        config.stash[_OWNER] = Owner.parse(*given) if given else Owner.this_process(uuid4().hex)
        config.stash[_PROCESS] = os.getpid()
        _end_well_when_terminated()
    return config.stash[_OWNER]


def _end_well_when_terminated() -> None:
    """Make SIGTERM end the tests like Ctrl-C, so that nothing is left behind; by default it ends the process at once."""
    with contextlib.suppress(ValueError):  # only the main thread can set signal handlers
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: object) -> None:
    pytest.exit("terminated", returncode=128 + number)


def _tell(config: pytest.Config, text: str) -> None:
    """Print a message about a slow step where the user sees it, not in the captured output of the waiting test."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if reporter is not None:
        with _uncaptured(capture):
            reporter.ensure_newline()
            reporter.write_line(f"xenon: {text}")


@contextlib.contextmanager
def _uncaptured(capture: Any) -> Iterator[None]:
    with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
        yield
