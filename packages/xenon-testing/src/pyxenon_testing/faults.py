"""Faults that tests can cause in a server.

Each fault is a pair of methods, or a context manager that undoes it at the end, even after a failure::

    with xenon_ssh.faults.paused():
        ...  # connections stay open, and nothing answers
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import attrs

from pyxenon_testing.engine.containers import Container

__all__ = ["Faults", "SlurmFaults"]

_FILLING = "filled-by-a-test"
# Allocate all free space at once, then fill the rest of the last block.
_FILL = """fallocate --length "$(df --output=avail --block-size=1 "${1%/*}" | tail -n 1)" "$1"
cat /dev/zero >>"$1" 2>/dev/null
[ -s "$1" ]"""


@attrs.frozen
class Faults:
    """The faults that can be caused in any server.

    Attributes:
        container: The server's container.
        disk: The folder in the container whose disk can be filled: the account's home.
        daemon: The name of the server's main daemon in the container.
    """

    container: Container
    disk: str
    daemon: str

    def pause(self) -> None:
        """Freeze the server: connections stay open, the kernel accepts new ones, and nothing answers.

        Other faults run commands in the container, so they cannot begin or end while it is frozen.
        """
        self.container.pause()

    def resume(self) -> None:
        """Resume a frozen server; does nothing if it is not frozen."""
        self.container.unpause()

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Freeze the server until the end of the ``with``."""
        return self._while_it_lasts(self.pause, self.resume)

    def drop_connections(self) -> None:
        """End all TCP connections of the server at once, like a firewall that has lost its state. New connections work.

        Connections within the container end too. Raises ContainerCommandError on a Linux kernel without CONFIG_INET_DIAG_DESTROY.
        """
        self.container.execute(["sh", "-c", 'ss -K -t -H state established >/dev/null && [ -z "$(ss -t -H state established)" ]'])

    def stop_daemon(self, daemon: str | None = None) -> None:
        """Stop *daemon*, by default the main one, and wait for its end; its port refuses connections."""
        self.container.execute(["daemon", "stop", daemon or self.daemon])

    def start_daemon(self, daemon: str | None = None) -> None:
        """Start *daemon*, by default the main one, again, and wait until it answers."""
        self.container.execute(["daemon", "start", daemon or self.daemon])

    def restart_daemon(self, daemon: str | None = None) -> None:
        """Stop and start *daemon*, by default the main one, as an upgrade of its package does."""
        self.container.execute(["daemon", "restart", daemon or self.daemon])

    def stopped(self, daemon: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Stop *daemon*, by default the main one, until the end of the ``with``."""
        return self._while_it_lasts(lambda: self.stop_daemon(daemon), lambda: self.start_daemon(daemon))

    def fill_disk(self) -> None:
        """Fill the disk of the account's home completely."""
        self.container.execute(["sh", "-c", _FILL, "fill", f"{self.disk}/{_FILLING}"])

    def free_disk(self) -> None:
        """Free the space that :meth:`fill_disk` took."""
        self.container.execute(["rm", "-f", f"{self.disk}/{_FILLING}"])

    def full_disk(self) -> contextlib.AbstractContextManager[None]:
        """Keep the disk of the account's home full until the end of the ``with``."""
        return self._while_it_lasts(self.fill_disk, self.free_disk)

    def add_latency(self, milliseconds: int, jitter: int = 0, loss: float = 0.0) -> None:
        """Delay what the server sends by *milliseconds*, plus or minus *jitter*, and drop *loss* percent of it.

        On a kernel without netem, a relay delays both directions by as much, for connections opened from now on; with *loss* this raises
        ContainerCommandError then.
        """
        self.container.execute(["latency", "add", str(milliseconds), str(jitter), str(float(loss))])

    def remove_latency(self) -> None:
        """Remove the delay; does nothing without one. Connections through a relay end."""
        self.container.execute(["latency", "remove"])

    def latency(self, milliseconds: int, jitter: int = 0, loss: float = 0.0) -> contextlib.AbstractContextManager[None]:
        """Delay what the server sends, like :meth:`add_latency`, until the end of the ``with``."""
        return self._while_it_lasts(lambda: self.add_latency(milliseconds, jitter, loss), self.remove_latency)

    @contextlib.contextmanager
    def _while_it_lasts(self, begin: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
        """Undo the fault at the end, even if it has only half begun, unless the container is gone."""
        try:
            begin()
            yield
        finally:
            if self.container.is_running():
                end()


@attrs.frozen
class SlurmFaults(Faults):
    """The faults of any server, and those of a Slurm cluster."""

    def stop_controller(self) -> None:
        """Stop slurmctld: Slurm's commands get no answer. Running jobs continue."""
        self.stop_daemon("slurmctld")

    def start_controller(self) -> None:
        """Start slurmctld again; it still knows its jobs."""
        self.start_daemon("slurmctld")

    def controller_stopped(self) -> contextlib.AbstractContextManager[None]:
        """Keep slurmctld stopped until the end of the ``with``."""
        return self.stopped("slurmctld")

    def hold_accounting_back(self) -> None:
        """Keep the controller's reports from slurmdbd, so that ``sacct`` answers but lags behind ``squeue``.

        Raises ContainerCommandError on a cluster without accounting.
        """
        check = 'ls /etc/xenon/daemons/*-slurmdbd >/dev/null 2>&1 || { echo "there is no slurmdbd here"; exit 1; }'
        self.container.execute(["sh", "-c", check])
        self.container.execute(["iptables", "-A", *self._reports])

    def let_accounting_catch_up(self) -> None:
        """Let the reports through again; they arrive within some seconds."""
        self.container.execute(["sh", "-c", 'while iptables -D "$@" 2>/dev/null; do :; done', "let", *self._reports])

    def accounting_lagging(self) -> contextlib.AbstractContextManager[None]:
        """Make accounting lag until the end of the ``with``."""
        return self._while_it_lasts(self.hold_accounting_back, self.let_accounting_catch_up)

    @property
    def _reports(self) -> list[str]:
        # The controller runs as root; sacct, which connects to the same port, runs as its caller.
        rule = "OUTPUT -o lo -p tcp --dport 6819 -m owner --uid-owner 0 -j DROP"
        return [*rule.split()]
