"""What can go wrong with a server, on demand.

Each fault is a pair of methods, or a context manager that undoes it at the end, also after a failure::

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
# All that is free at once, and then what is left of a block.
_FILL = """fallocate --length "$(df --output=avail --block-size=1 "${1%/*}" | tail -n 1)" "$1"
cat /dev/zero >>"$1" 2>/dev/null
[ -s "$1" ]"""


@attrs.frozen
class Faults:
    """What can be made to go wrong with any server.

    Attributes:
        container: Where it runs.
        disk: The folder in the container whose disk can be filled: the home of the account.
        daemon: The daemon that serves, by its name in the container.
    """

    container: Container
    disk: str
    daemon: str

    def pause(self) -> None:
        """Freeze the server: connections stay open, new ones are accepted by the kernel, and nothing answers.

        Other faults need commands in the container, and cannot begin or end while it is frozen.
        """
        self.container.pause()

    def resume(self) -> None:
        """Let a frozen server go on; does nothing when it is not frozen."""
        self.container.unpause()

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Freeze the server until the end of the ``with``."""
        return self._while_it_lasts(self.pause, self.resume)

    def drop_connections(self) -> None:
        """End every TCP connection of the server at once, as a firewall does that has lost its memory. New ones are served.

        Connections within the container end too. A Linux kernel that cannot do this (CONFIG_INET_DIAG_DESTROY) makes it a
        ContainerCommandError.
        """
        self.container.execute(["sh", "-c", 'ss -K -t -H state established >/dev/null && [ -z "$(ss -t -H state established)" ]'])

    def stop_daemon(self, daemon: str | None = None) -> None:
        """Stop *daemon*, or the one that serves: its port refuses. Returns when it has ended."""
        self.container.execute(["daemon", "stop", daemon or self.daemon])

    def start_daemon(self, daemon: str | None = None) -> None:
        """Start *daemon*, or the one that serves, again. Returns when it answers."""
        self.container.execute(["daemon", "start", daemon or self.daemon])

    def restart_daemon(self, daemon: str | None = None) -> None:
        """Stop and start *daemon*, or the one that serves, as an upgrade of its package does."""
        self.container.execute(["daemon", "restart", daemon or self.daemon])

    def stopped(self, daemon: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Stop *daemon*, or the one that serves, until the end of the ``with``."""
        return self._while_it_lasts(lambda: self.stop_daemon(daemon), lambda: self.start_daemon(daemon))

    def fill_disk(self) -> None:
        """Fill the disk of the account's home to the last byte."""
        self.container.execute(["sh", "-c", _FILL, "fill", f"{self.disk}/{_FILLING}"])

    def free_disk(self) -> None:
        """Give back what :meth:`fill_disk` took."""
        self.container.execute(["rm", "-f", f"{self.disk}/{_FILLING}"])

    def full_disk(self) -> contextlib.AbstractContextManager[None]:
        """Keep the disk of the account's home full until the end of the ``with``."""
        return self._while_it_lasts(self.fill_disk, self.free_disk)

    def add_latency(self, milliseconds: int, jitter: int = 0, loss: float = 0.0) -> None:
        """Delay what the server sends by *milliseconds*, give or take *jitter*, and lose *loss* percent of it.

        Where the kernel has no netem, a relay delays both directions by as much, for connections that are opened from now on; *loss* is a
        ContainerCommandError then.
        """
        self.container.execute(["latency", "add", str(milliseconds), str(jitter), str(float(loss))])

    def remove_latency(self) -> None:
        """Send without delay again; does nothing where there was none. Connections through a relay end."""
        self.container.execute(["latency", "remove"])

    def latency(self, milliseconds: int, jitter: int = 0, loss: float = 0.0) -> contextlib.AbstractContextManager[None]:
        """As :meth:`add_latency`, until the end of the ``with``."""
        return self._while_it_lasts(lambda: self.add_latency(milliseconds, jitter, loss), self.remove_latency)

    @contextlib.contextmanager
    def _while_it_lasts(self, begin: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
        """Undo what has begun, also when only half of it has; there is nothing to undo in a container that is gone."""
        try:
            begin()
            yield
        finally:
            if self.container.is_running():
                end()


@attrs.frozen
class SlurmFaults(Faults):
    """What can also be made to go wrong with a Slurm cluster."""

    def stop_controller(self) -> None:
        """Stop slurmctld: no command of Slurm's gets an answer. Jobs that run go on."""
        self.stop_daemon("slurmctld")

    def start_controller(self) -> None:
        """Start slurmctld again; it remembers its jobs."""
        self.start_daemon("slurmctld")

    def controller_stopped(self) -> contextlib.AbstractContextManager[None]:
        """Keep slurmctld stopped until the end of the ``with``."""
        return self.stopped("slurmctld")

    def hold_accounting_back(self) -> None:
        """Keep what the controller reports from reaching slurmdbd, so that ``sacct`` answers and lags behind ``squeue``.

        Raises ContainerCommandError on a cluster without accounting.
        """
        check = 'ls /etc/xenon/daemons/*-slurmdbd >/dev/null 2>&1 || { echo "there is no slurmdbd here"; exit 1; }'
        self.container.execute(["sh", "-c", check])
        self.container.execute(["iptables", "-A", *self._reports])

    def let_accounting_catch_up(self) -> None:
        """Let the reports through; it takes some seconds until all have arrived."""
        self.container.execute(["sh", "-c", 'while iptables -D "$@" 2>/dev/null; do :; done', "let", *self._reports])

    def accounting_lagging(self) -> contextlib.AbstractContextManager[None]:
        """Make accounting lag until the end of the ``with``."""
        return self._while_it_lasts(self.hold_accounting_back, self.let_accounting_catch_up)

    @property
    def _reports(self) -> list[str]:
        # The controller runs as root; sacct, which asks the same port, runs as who calls it.
        rule = "OUTPUT -o lo -p tcp --dport 6819 -m owner --uid-owner 0 -j DROP"
        return [*rule.split()]
