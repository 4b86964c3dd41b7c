"""The measures. In each, the contenders take turns round by round, and another one begins each round."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.contenders import FLOOR, PEER, SDK, SDK_ASYNC, Contender, ContenderError, Process, Worker
from benchmarks.ground import Ground
from benchmarks.results import Measure
from benchmarks.scale import MIB, Scale
from pyxenon_java.java import find_java
from pyxenon_java.keys import write_keys
from pyxenon_java.ports import free_port
from pyxenon_java.release import find_jar

__all__ = ["MEASURES", "Run"]

_SECONDS_FOR_A_START = 90.0
_TRUE = "/bin/true"
_ALL = (SDK, SDK_ASYNC, FLOOR, PEER)

Round = Callable[[], float]


@dataclass(frozen=True)
class Run:
    """What the measures work with. ``say`` takes a line for whoever is watching."""

    scale: Scale
    ground: Ground
    contenders: Sequence[Contender]
    say: Callable[[str], None]

    def among(self, *names: str) -> list[Contender]:
        """The contenders of these names."""
        return [contender for contender in self.contenders if contender.name in names]


def measure_import(run: Run) -> list[Measure]:
    """A fresh interpreter with one import, less what it takes without."""
    measure = Measure("import", "import", "ms")
    modules = {SDK: "xenon", FLOOR: "grpc", PEER: "xenon"}

    def net(contender: Contender) -> float:
        return (_seconds_to_run(contender, f"import {modules[contender.name]}") - _seconds_to_run(contender, "pass")) * 1e3

    _take_turns(run, [measure], run.among(*modules), run.scale.import_rounds, lambda contender: [net(contender)], warm=run.among(*modules))
    return [measure]


def measure_first_call(run: Run) -> list[Measure]:
    """From nothing to the first answer: interpreter, import, a server of one's own, one call."""
    measure = Measure("first-call", "time to the first call, with the start of a server", "ms")
    _take_turns(run, [measure], run.among(SDK, FLOOR, PEER), run.scale.start_rounds, lambda contender: [_first_call(run, contender)])
    return [measure]


def measure_exists(run: Run) -> list[Measure]:
    """The latency of a small call."""
    measures = [Measure("exists", "`exists`, median", "µs"), Measure("exists-p95", "`exists`, 95th percentile", "µs")]
    arguments: dict[str, str | int] = {"path": str(run.ground.file), "calls": run.scale.calls}

    def times(worker: Worker) -> list[float]:
        answer = worker.ask("exists", **arguments)
        return [answer["median"] * 1e6, answer["p95"] * 1e6]

    _with_workers(run, measures, run.scale.call_rounds, times, warm=_ALL)
    return measures


def measure_list(run: Run) -> list[Measure]:
    """A long stream of small messages."""
    scale = run.scale
    measure = Measure("list", f"listing {scale.entries:,} entries", "ms")
    arguments: dict[str, str | int] = {"path": str(run.ground.directory), "expected": scale.entries}
    _with_workers(run, [measure], scale.list_rounds, lambda worker: [worker.ask("list", **arguments)["seconds"] * 1e3], warm=_ALL)
    return [measure]


def measure_read(run: Run) -> list[Measure]:
    """A large file from the server."""
    scale = run.scale
    measure = Measure("read", f"reading {scale.file_mib} MiB", "MiB/s")
    arguments: dict[str, str | int] = {"path": str(run.ground.file), "expected": scale.file_bytes}
    _with_workers(run, [measure], scale.transfer_rounds, lambda worker: [scale.file_mib / worker.ask("read", **arguments)["seconds"]])
    return [measure]


def measure_write(run: Run) -> list[Measure]:
    """A large file to the server, in pieces of 1 MiB."""
    scale = run.scale
    measure = Measure("write", f"writing {scale.file_mib} MiB", "MiB/s")

    def speed(worker: Worker) -> list[float]:
        path = run.ground.new_file()
        seconds = worker.ask("write", path=str(path), mib=scale.file_mib)["seconds"]
        if path.stat().st_size != scale.file_bytes:
            raise ContenderError(f"it wrote {path.stat().st_size} bytes instead of {scale.file_bytes}")
        return [scale.file_mib / seconds]

    _with_workers(run, [measure], scale.transfer_rounds, speed)
    run.ground.new_file()
    return [measure]


def measure_memory(run: Run) -> list[Measure]:
    """The most memory that a client takes beyond what it had once it was connected; a fresh process each time."""
    scale, ground = run.scale, run.ground
    reading = Measure("read-memory", f"client's memory while reading {scale.file_mib} MiB", "MiB")
    writing = Measure("write-memory", f"client's memory while writing {scale.file_mib} MiB", "MiB")

    def read(contender: Contender) -> list[float]:
        with Worker(contender, ground) as worker:
            answer = worker.ask("read-memory", path=str(ground.file), expected=scale.file_bytes)
        if answer["crc"] != ground.file_crc:
            raise ContenderError("it read other bytes than are in the file")
        return [answer["bytes"] / MIB]

    def write(contender: Contender) -> list[float]:
        with Worker(contender, ground) as worker:
            return [worker.ask("write-memory", path=str(ground.new_file()), mib=scale.file_mib)["bytes"] / MIB]

    _take_turns(run, [reading], run.contenders, scale.memory_rounds, read)
    _take_turns(run, [writing], run.contenders, scale.memory_rounds, write)
    run.ground.new_file()
    return [reading, writing]


def measure_jobs(run: Run) -> list[Measure]:
    """Jobs through the adaptor ``local``: submitted one after the other, then waited for."""
    scale = run.scale
    measure = Measure("jobs", f"{scale.jobs} local jobs", "s")
    arguments: dict[str, str | int] = {"count": scale.jobs, "executable": _TRUE}
    _with_workers(run, [measure], scale.job_rounds, lambda worker: [worker.ask("jobs", **arguments)["seconds"]], warm=())
    return [measure]


MEASURES: dict[str, Callable[[Run], list[Measure]]] = {
    "import": measure_import,
    "first-call": measure_first_call,
    "exists": measure_exists,
    "list": measure_list,
    "read": measure_read,
    "write": measure_write,
    "memory": measure_memory,
    "jobs": measure_jobs,
}


def _with_workers(
    run: Run, measures: Sequence[Measure], rounds: int, task: Callable[[Worker], Sequence[float]], warm: Sequence[str] = (FLOOR,)
) -> None:
    """Rounds of *task* with a process for each contender. Those in *warm* do it once before: the floor is enough to warm up the server."""
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contender in run.contenders:
            if not contender.missing:
                try:
                    workers[contender.name] = stack.enter_context(Worker(contender, run.ground))
                except ContenderError as error:
                    _note(measures, contender, str(error))
        connected = [contender for contender in run.contenders if contender.missing or contender.name in workers]
        _take_turns(run, measures, connected, rounds, lambda contender: task(workers[contender.name]), run.among(*warm))


def _take_turns(
    run: Run,
    measures: Sequence[Measure],
    contenders: Sequence[Contender],
    rounds: int,
    task: Callable[[Contender], Sequence[float]],
    warm: Sequence[Contender] = (),
) -> None:
    """Have each of *contenders* do *task* *rounds* times, and put its numbers into *measures*, one each.

    One that fails is noted with its reason and takes no further turns. Those in *warm* do it once before, which counts for nothing.
    """
    for contender in contenders:
        if contender.missing:
            _note(measures, contender, contender.missing)
    for number in range(0 if warm else 1, rounds + 1):
        said: list[str] = []
        for contender in _beginning_at(contenders, number):
            if contender.name in measures[0].notes or (number == 0 and contender not in warm):
                continue
            try:
                values = task(contender)
            except ContenderError as error:
                _note(measures, contender, str(error))
                said.append(f"{contender.name}: {error}")
                continue
            said.append(f"{contender.name} {values[0]:.4g} {measures[0].unit}")
            for measure, value in zip(measures, values, strict=True):
                if number:
                    measure.add(contender.name, value)
        run.say(f"{measures[0].name}, {f'round {number} of {rounds}' if number else 'warming up'}: {', '.join(said)}")


def _beginning_at(contenders: Sequence[Contender], number: int) -> Iterator[Contender]:
    for offset in range(len(contenders)):
        yield contenders[(number + offset) % len(contenders)]


def _note(measures: Sequence[Measure], contender: Contender, reason: str) -> None:
    for measure in measures:
        measure.note(contender.name, reason)


def _seconds_to_run(contender: Contender, code: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([contender.python, "-I", "-c", code], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise ContenderError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return seconds


def _first_call(run: Run, contender: Contender) -> float:
    """Milliseconds from the start of the process until it says that its first call was answered."""
    command = contender.command("benchmarks.workers.first_call", *(_floors_server(run.ground) if contender.name == FLOOR else []))
    start = time.perf_counter()
    with Process(contender, command, run.ground.folder / f"{contender.name}.log") as process:
        process.read_line(_SECONDS_FOR_A_START)
        return (time.perf_counter() - start) * 1e3


def _floors_server(ground: Ground) -> list[str]:
    """What the floor is given: it neither looks for Java nor for the jar, and its keys are there."""
    folder = ground.folder / "floor-keys"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        write_keys(folder)
    port = str(free_port())
    tls = ["--server-cert-chain", f"{folder}/server.pem", "--server-private-key", f"{folder}/server.key"]
    command = [str(find_java()), "-jar", str(find_jar()), "--port", port, *tls, "--client-cert-chain", f"{folder}/client.pem"]
    return [port, str(folder), str(ground.stubs), *command]
