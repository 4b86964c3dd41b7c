"""The trials on the documentation's page about performance, in two groups, and how contenders get ready for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import hosts
from benchmarks.contenders import Contender
from benchmarks.ground import FULL, Ground
from benchmarks.measure import Answer, Doer, GetReady, Measure, Trial
from benchmarks.processes import output

__all__ = ["CLIENTS", "EMBEDDED"]

_Argument = str | Callable[[Ground], Any]


def _asks(task: str, anew: bool = False, /, **arguments: _Argument) -> GetReady:
    """Have a worker do *task*, with *anew* a new one each time. An argument is the name of a size, or a function that makes it."""

    @contextmanager
    def ready(ground: Ground, who: Contender) -> Iterator[Doer]:
        made = {name: getattr(ground.scale, value) if isinstance(value, str) else value(ground) for name, value in arguments.items()}
        given = {name: str(value) if isinstance(value, Path) else value for name, value in made.items()}
        with nullcontext() if anew else ground.worker(who) as ready_worker:

            def do(sample: bool) -> Answer:
                with nullcontext(ready_worker) if ready_worker else ground.worker(who) as worker:
                    return worker.ask(task, sample=sample, **given)

            yield do

    return ready


@contextmanager
def _starts(ground: Ground, who: Contender) -> Iterator[Doer]:
    """Have a new process start a server of its own each time; the answer has the time to its first answer, in all and from connecting."""

    def do(_sample: bool) -> Answer:
        with ground.worker(who, own_server=True) as worker:
            return worker.begun

    yield do


@contextmanager
def _imports(_ground: Ground, who: Contender) -> Iterator[Doer]:
    """Have a new interpreter import the contender's package, and another one nothing; the answer has the difference."""

    def run(code: str) -> float:
        start = perf_counter()
        output([who.python, "-I", "-c", code])
        return perf_counter() - start

    yield lambda _sample: {"seconds": run(f"import {'grpc' if who.way == 'floor' else 'xenon'}") - run("pass")}


def _file(size: str) -> Callable[[Ground], Path]:
    return lambda ground: ground.file(getattr(ground.scale, size))


def _new(ground: Ground) -> Path:
    return ground.folder / "written"


_exists = _asks("tasks.exists", path=lambda ground: ground.file(1), number="calls")
_list = _asks("tasks.count", path=lambda ground: ground.directory(), expected="entries")
_SYNC = (("sdk", "floor"), ("sdk", "peer"))
_ALL = (("sdk", "floor"), ("sdk-async", "floor"), ("sdk", "peer"))
_ALONE = (("embedded", ""),)
_JAVA = (("embedded", "java"),)
_JAVA_TWICE = (("embedded", "java-once"), ("embedded", "java-often"))
_PLAIN = (("embedded", "plain"),)
_SFTP = (("embedded", "openssh"),)
_SHELL = (("embedded", "shell"),)
_QUERIES = Measure("slurm-queries", "status queries that reach Slurm meanwhile, for {slurm_jobs} jobs", "1/s", _ALONE, most=1)
_P95 = Measure("exists-p95", "`exists`, 95th percentile", "µs", _ALL, key="p95")


def _throughput(size: str, prefix: str, where: str, pairs: tuple[tuple[str, str], ...], faster: float) -> Iterator[Trial]:
    """Yield the trials of reading and writing a large file."""
    read, write = _asks("tasks.read", path=_file(size)), _asks("tasks.write", path=_new, mib=size)
    yield Trial(5, read, Measure(f"{prefix}read", f"reading {where}", "MiB/s", pairs, faster=faster))
    yield Trial(5, write, Measure(f"{prefix}write", f"writing {where}", "MiB/s", pairs, faster=faster))


def _memory(name: str, title: str, pairs: tuple[tuple[str, str], ...], most: float, **given: _Argument) -> Trial:
    return Trial(2, _asks("tasks.memory", True, **given), Measure(name, title, "MiB", pairs, most=most), warm=False)


def _large(size: str, faster: float, far: bool = False) -> Iterator[Trial]:
    """Yield the trials with a large file on a host, nearby or far away."""
    for name, title, task, command in (
        ("read", "reading {%s} MiB", "fetch", "get"),
        ("write", "writing {%s} MiB", "send", "put"),
        ("copy-from", "copying {%s} MiB from the host", "copy", "get"),
        ("copy-to", "copying {%s} MiB to the host", "copy", "put"),
        *([] if far else [("copy-there", "copying {%s} MiB within the host", "copy", "cp")]),
    ):
        words = f"sftp: {title % size}{' with {milliseconds} ms of latency' if far else ''}"
        measure = Measure(f"sftp-{name}{'-latency' if far else ''}", words, "MiB/s", _SFTP, faster=faster)
        ready = hosts.over_sftp(task, command, size)
        yield Trial(3, ready, measure, warm=False, setting=hosts.far_away) if far else Trial(5, ready, measure)


def _tree(word: str, command: str) -> Trial:
    measure = Measure(f"sftp-tree-{word}", f"sftp: copying {{small_files:,}} small files {word} the host", "ms", _SFTP, faster=2)
    return Trial(3, hosts.over_sftp("copy", command), measure)


def _job(name: str, title: str, faster: float, **given: _Argument) -> Trial:
    return Trial(5, _asks("tasks.job", **given), Measure(name, title, "ms", _JAVA_TWICE, faster=faster))


_BOTH = "memory while reading and writing {file:,} MiB on file"
_READ, _WRITTEN = "client's memory while reading {client_file} MiB", "client's memory while writing {client_file} MiB"
_CLUSTER = Measure("slurm", "{slurm_jobs} Slurm jobs over one ssh connection", "s", _SHELL, longest=1.3)
EMBEDDED = (
    Trial(7, _starts, Measure("embedded-start", "`init()` to the first answer", "ms", _JAVA, key="connecting", faster=10, most=100)),
    Trial(9, _exists, Measure("embedded-exists", "`exists` on file, median", "µs", _JAVA, faster=4)),
    Trial(9, _list, Measure("embedded-list", "listing {entries:,} entries on file", "ms", _PLAIN, longest=6)),
    *_throughput("file", "embedded-", "{file:,} MiB on file", _PLAIN, 0.5),
    _memory("embedded-memory", _BOTH, _ALONE, 100, source=_file("file"), target=_new, mib="file"),
    *_large("sftp_file", 1),
    *_large("delayed_file", 2, far=True),
    _tree("from", "get"),
    _tree("to", "put"),
    _job("embedded-job", "a local job's round trip", 10, number="local_jobs"),
    _job("ssh-job", "an ssh job's round trip", 15, number="ssh_jobs", place=hosts.ssh_place),
    Trial(2, hosts.cluster, _CLUSTER, also=_QUERIES, warm=False),
)
CLIENTS = (
    Trial(15, _imports, Measure("import", "import", "ms", _SYNC, longest=1.5, plus=60)),
    Trial(5, _starts, Measure("first-call", "time to the first call, with the start of a server", "ms", _SYNC), warm=False),
    Trial(11, _exists, Measure("exists", "`exists`, median", "µs", _ALL, longest=1.25), also=_P95),
    Trial(9, _list, Measure("list", "listing {entries:,} entries", "ms", _ALL, longest=1.4)),
    *_throughput("client_file", "", "{client_file} MiB", _ALL, 0.9),
    _memory("read-memory", _READ, _ALL, 2.2 * FULL.client_file, source=_file("client_file")),
    _memory("write-memory", _WRITTEN, _ALL, 64, target=_new, mib="client_file"),
    Trial(3, _asks("tasks.jobs", number="jobs"), Measure("jobs", "{jobs} local jobs", "s", _ALL), warm=False),
)
