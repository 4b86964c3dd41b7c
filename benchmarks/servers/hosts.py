"""The measures of files on a host that is reached over SSH, beside OpenSSH's ``sftp`` on the same host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.contenders import Answering, ContenderError
from benchmarks.results import Measure
from benchmarks.scale import MIB
from benchmarks.servers.contenders import EMBEDDED, OPENSSH, Sftp, worker
from benchmarks.servers.ground import Ground
from benchmarks.servers.turns import Doer, Run, cannot, milliseconds, speed, take_turns
from pyxenon_testing.errors import TestingError
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["login", "measure_sftp", "measure_sftp_latency", "measure_trees"]

_FILE = "measured"


def login(server: SshServer, adaptor: str) -> dict[str, Any]:
    """How tasks reach *server* through *adaptor*: a :data:`benchmarks.servers.tasks.Place`."""
    access = next(way for way in (server.files, *server.jobs) if way is not None and way.adaptor == adaptor)
    return {
        "location": access.location,
        "properties": dict(access.properties),
        "username": server.username,
        "key": str(server.private_key),
    }


@dataclass(frozen=True)
class _Host:
    """A host, and who is logged in there."""

    server: SshServer
    ground: Ground
    who: Answering
    sftp: Sftp

    def path(self, name: str) -> str:
        """The path of *name* in the user's home there."""
        return f"/home/{self.server.username}/{name}"

    def embedded(self, task: str, **arguments: Any) -> Doer:
        """Has the embedded server do *task*."""
        place = login(self.server, "sftp")

        def do(sample: bool) -> Mapping[str, Any]:
            try:
                return self.who.ask(task, place=place, sample=sample, **arguments)
            finally:
                self._clean()

        return do

    def openssh(self, command: str) -> Doer:
        """Has ``sftp`` do *command*."""

        def do(_sample: bool) -> Mapping[str, Any]:
            try:
                start = perf_counter()
                self.sftp.do(command)
                return {"seconds": perf_counter() - start}
            finally:
                self._clean()

        return do

    def _clean(self) -> None:
        """Remove what a task has made on either side."""
        self.ground.new_in_memory("got")
        self.server.container.execute(["rm", "-rf", self.path("sent")])


def measure_sftp(run: Run) -> list[Measure]:
    """A large file of a host nearby."""
    mib = run.scale.sftp_file
    ways = [*_ways(mib, "", ""), Measure("sftp-copy-there", f"sftp: copying {mib} MiB within the host", "MiB/s")]
    return _large(run, mib, run.scale.sftp_rounds, ways, 0)


def measure_sftp_latency(run: Run) -> list[Measure]:
    """A large file of a host far away."""
    mib, later = run.scale.delayed_file, run.scale.milliseconds
    return _large(run, mib, run.scale.delayed_rounds, _ways(mib, "-latency", f" with {later} ms of latency"), later)


def measure_trees(run: Run) -> list[Measure]:
    """Many small files."""
    files = run.scale.small_files
    measures = [
        Measure("sftp-tree-from", f"sftp: copying {files:,} small files from the host", "ms"),
        Measure("sftp-tree-to", f"sftp: copying {files:,} small files to the host", "ms"),
    ]
    try:
        with _host(run) as host:
            tree, there, got, sent = run.ground.tree(files), host.path("tree"), run.ground.memory / "got", host.path("sent")
            host.sftp.do(f"put -r {tree} {there}")
            doers = {
                "sftp-tree-from": _both(host, "copy-from", there, got, f"get -r {there} {got}", recursive=True),
                "sftp-tree-to": _both(host, "copy-to", tree, sent, f"put -r {tree} {sent}", recursive=True),
            }
            return [take_turns(run, measure, doers[measure.name], run.scale.tree_rounds, milliseconds) for measure in measures]
    except (ContenderError, TestingError) as error:
        return cannot(measures, error)


def _ways(mib: int, suffix: str, words: str) -> list[Measure]:
    return [
        Measure(f"sftp-read{suffix}", f"sftp: reading {mib} MiB{words}", "MiB/s"),
        Measure(f"sftp-write{suffix}", f"sftp: writing {mib} MiB{words}", "MiB/s"),
        Measure(f"sftp-copy-from{suffix}", f"sftp: copying {mib} MiB from the host{words}", "MiB/s"),
        Measure(f"sftp-copy-to{suffix}", f"sftp: copying {mib} MiB to the host{words}", "MiB/s"),
    ]


def _large(run: Run, mib: int, rounds: int, measures: list[Measure], later: int) -> list[Measure]:
    """Take *measures* with a file of *mib* MiB; what the host sends comes *later* milliseconds later."""
    try:
        with _host(run, later) as host:
            file, there, got, sent = run.ground.file(mib, run.ground.memory), host.path(_FILE), run.ground.memory / "got", host.path("sent")
            host.sftp.do(f"put {file} {there}")
            expected = mib * MIB
            doers = {
                "sftp-read": _both(host, "fetch", there, got, f"get {there} {got}", expected=expected),
                "sftp-write": _both(host, "send", file, sent, f"put {file} {sent}", expected=expected),
                "sftp-copy-from": _both(host, "copy-from", there, got, f"get {there} {got}", expected=expected),
                "sftp-copy-to": _both(host, "copy-to", file, sent, f"put {file} {sent}", expected=expected),
                "sftp-copy-there": _both(host, "copy-there", there, sent, f"cp {there} {sent}", expected=expected),
            }
            return [
                take_turns(run, measure, doers[measure.name.removesuffix("-latency")], rounds, speed(mib), warm=not later)
                for measure in measures
            ]
    except (ContenderError, TestingError) as error:
        return cannot(measures, error)


@contextmanager
def _host(run: Run, later: int = 0) -> Iterator[_Host]:
    """A host, with both contenders logged in; the latency is there before they do, and gone when they have left."""
    server = run.ground.host("ssh")
    with (
        server.faults.latency(later) if later else nullcontext(),
        worker(EMBEDDED, run.ground) as who,
        Sftp(server, run.ground) as sftp,
    ):
        yield _Host(server, run.ground, who, sftp)


def _both(host: _Host, task: str, source: str | Path, target: str | Path, command: str, **arguments: Any) -> dict[str, Doer]:
    return {
        EMBEDDED: host.embedded(task, source=str(source), target=str(target), **arguments),
        OPENSSH: host.openssh(command),
    }
