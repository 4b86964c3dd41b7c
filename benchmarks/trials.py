"""What is measured: the trials of the page in the documentation, in two groups, and what getting a contender ready means in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import hosts
from benchmarks.contenders import Contender
from benchmarks.ground import FULL, Ground
from benchmarks.measure import Answer, Doer, GetReady, Measure, Trial
from benchmarks.processes import ContenderError

__all__ = ["CLIENTS", "EMBEDDED"]


def _asks(task: str, anew: bool = False, **arguments: Callable[[Ground], Any] | str) -> GetReady:
    """Have a worker do *task*, with *anew* a fresh one each time. An argument is the name of a size, or is made on the ground."""

    @contextmanager
    def ready(ground: Ground, who: Contender) -> Iterator[Doer]:
        made = {name: getattr(ground.scale, value) if isinstance(value, str) else value(ground) for name, value in arguments.items()}
        given = {name: str(value) if isinstance(value, Path) else value for name, value in made.items()}

        def do_anew(sample: bool) -> Answer:
            with ground.worker(who) as worker:
                return worker.ask(task, sample=sample, **given)

        if anew:
            yield do_anew
            return
        with ground.worker(who) as worker:
            yield lambda sample: worker.ask(task, sample=sample, **given)

    return ready


@contextmanager
def _starts(ground: Ground, who: Contender) -> Iterator[Doer]:
    """Have a fresh process start a server of its own; the answer has the time to its first answer, in all and from connecting."""

    def do(_sample: bool) -> Answer:
        with ground.worker(who, own_server=True) as worker:
            return {"seconds": worker.seconds_to_begin, "connecting": worker.hello["seconds"]}

    yield do


@contextmanager
def _imports(_ground: Ground, who: Contender) -> Iterator[Doer]:
    """Have a fresh interpreter import the contender's package, and another one nothing; the answer has the difference."""

    def run(code: str) -> float:
        start = perf_counter()
        done = subprocess.run([who.python, "-I", "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ContenderError((done.stderr.strip().splitlines() or ["it failed"])[-1])
        return perf_counter() - start

    yield lambda _sample: {"seconds": run(f"import {'grpc' if who.way == 'floor' else 'xenon'}") - run("pass")}


def _new(ground: Ground) -> Path:
    return ground.folder / "written"


def _client_file(ground: Ground) -> Path:
    return ground.file(ground.scale.client_file)


def _file(ground: Ground) -> Path:
    return ground.file(ground.scale.file)


_exists = _asks("tasks.exists", path=lambda ground: ground.file(1), number="calls")
_list = _asks("tasks.count", path=lambda ground: ground.directory(), expected="entries")
_read_anew = _asks("tasks.memory", anew=True, source=_client_file)
_write_anew = _asks("tasks.memory", anew=True, target=_new, mib="client_file")
_read_and_write_anew = _asks("tasks.memory", anew=True, source=_file, target=_new, mib="file")
_SYNC = (("sdk", "floor"), ("sdk", "peer"))
_ALL = (("sdk", "floor"), ("sdk-async", "floor"), ("sdk", "peer"))
_ALONE = (("embedded", ""),)
_JAVA = (("embedded", "java"),)
_JAVA_TWICE = (("embedded", "java-once"), ("embedded", "java-often"))
_PLAIN = (("embedded", "plain"),)
_SFTP = (("embedded", "openssh"),)
_SHELL = (("embedded", "shell"),)
_READ_MEMORY = "client's memory while reading {client_file} MiB"
_MEMORY = "memory while reading and writing {file:,} MiB on file"
_QUERIES = "status queries that reach Slurm meanwhile, for {slurm_jobs} jobs"


def _large(size: str, faster: float, far: bool = False) -> Iterator[Trial]:
    """The trials with a large file on a host, nearby or far away."""
    for name, title, task, command in (
        ("read", "reading {%s} MiB", "fetch", "get"),
        ("write", "writing {%s} MiB", "send", "put"),
        ("copy-from", "copying {%s} MiB from the host", "copy_from", "get"),
        ("copy-to", "copying {%s} MiB to the host", "copy_to", "put"),
        *([] if far else [("copy-there", "copying {%s} MiB within the host", "copy_there", "cp")]),
    ):
        words = f"sftp: {title % size}{' with {milliseconds} ms of latency' if far else ''}"
        measure = Measure(f"sftp-{name}{'-latency' if far else ''}", words, "MiB/s", _SFTP, faster=faster)
        ready = hosts.over_sftp(task, command, size)
        yield Trial(3, ready, measure, warm=False, setting=hosts.far_away) if far else Trial(5, ready, measure)


def _tree(name: str, words: str, command: str) -> Trial:
    measure = Measure(f"sftp-tree-{name}", f"sftp: copying {{small_files:,}} small files {words} the host", "ms", _SFTP, faster=2)
    return Trial(3, hosts.over_sftp(f"copy_{name}", command), measure)


EMBEDDED = (
    Trial(7, _starts, Measure("embedded-start", "`init()` to the first answer", "ms", _JAVA, key="connecting", faster=10, most=100)),
    Trial(9, _exists, Measure("embedded-exists", "`exists` on file, median", "µs", _JAVA, faster=4)),
    Trial(9, _list, Measure("embedded-list", "listing {entries:,} entries on file", "ms", _PLAIN, longest=6)),
    Trial(5, _asks("tasks.read", path=_file), Measure("embedded-read", "reading {file:,} MiB on file", "MiB/s", _PLAIN, faster=0.5)),
    Trial(
        5,
        _asks("tasks.write", path=_new, mib="file"),
        Measure("embedded-write", "writing {file:,} MiB on file", "MiB/s", _PLAIN, faster=0.5),
    ),
    Trial(2, _read_and_write_anew, Measure("embedded-memory", _MEMORY, "MiB", _ALONE, most=100), warm=False),
    *_large("sftp_file", 1),
    *_large("delayed_file", 2, far=True),
    _tree("from", "from", "get"),
    _tree("to", "to", "put"),
    Trial(5, _asks("tasks.job", number="local_jobs"), Measure("embedded-job", "a local job's round trip", "ms", _JAVA_TWICE, faster=10)),
    Trial(
        5,
        _asks("tasks.job", number="ssh_jobs", place=hosts.ssh_place),
        Measure("ssh-job", "an ssh job's round trip", "ms", _JAVA_TWICE, faster=15),
    ),
    Trial(
        2,
        hosts.cluster,
        Measure("slurm", "{slurm_jobs} Slurm jobs over one ssh connection", "s", _SHELL, longest=1.3),
        also=Measure("slurm-queries", _QUERIES, "1/s", _ALONE, most=1),
        warm=False,
    ),
)
CLIENTS = (
    Trial(15, _imports, Measure("import", "import", "ms", _SYNC, longest=1.5, plus=60)),
    Trial(5, _starts, Measure("first-call", "time to the first call, with the start of a server", "ms", _SYNC), warm=False),
    Trial(
        11,
        _exists,
        Measure("exists", "`exists`, median", "µs", _ALL, longest=1.25),
        also=Measure("exists-p95", "`exists`, 95th percentile", "µs", _ALL, key="p95"),
    ),
    Trial(9, _list, Measure("list", "listing {entries:,} entries", "ms", _ALL, longest=1.4)),
    Trial(5, _asks("tasks.read", path=_client_file), Measure("read", "reading {client_file} MiB", "MiB/s", _ALL, faster=0.9)),
    Trial(
        5,
        _asks("tasks.write", path=_new, mib="client_file"),
        Measure("write", "writing {client_file} MiB", "MiB/s", _ALL, faster=0.9),
    ),
    Trial(2, _read_anew, Measure("read-memory", _READ_MEMORY, "MiB", _ALL, most=2.2 * FULL.client_file), warm=False),
    Trial(2, _write_anew, Measure("write-memory", "client's memory while writing {client_file} MiB", "MiB", _ALL, most=64), warm=False),
    Trial(3, _asks("tasks.jobs", number="jobs"), Measure("jobs", "{jobs} local jobs", "s", _ALL), warm=False),
)
