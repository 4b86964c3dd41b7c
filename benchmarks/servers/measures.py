"""The measures of the server in this process, but those of a Slurm cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.contenders import Answering, Contender, ContenderError, Process
from benchmarks.results import Measure
from benchmarks.scale import MIB
from benchmarks.servers.cluster import measure_slurm
from benchmarks.servers.contenders import EMBEDDED, JAVA, JAVA_ASKED_OFTEN, PLAIN, worker
from benchmarks.servers.hosts import login, measure_sftp, measure_sftp_latency, measure_trees
from benchmarks.servers.turns import Doer, Run, asking, cannot, milliseconds, speed, take_turns, workers

__all__ = ["MEASURES"]

_SECONDS_FOR_A_START = 90.0


def measure_start(run: Run) -> list[Measure]:
    """From ``init()`` to the first answer, in a fresh process that has imported ``xenon``."""
    measure = Measure("embedded-start", "`init()` to the first answer", "ms")
    file = run.ground.file(1)

    def doer(name: str) -> Doer:
        contender = Contender(name)
        command = contender.command("benchmarks.servers.first_answer", run.ground.target(name), str(file))

        def do(_sample: bool) -> Mapping[str, Any]:
            with Process(contender, command, run.ground.folder / f"{name}.log") as process:
                return dict(json.loads(process.read_line(_SECONDS_FOR_A_START)))

        return do

    doers = {name: doer(name) for name in (EMBEDDED, JAVA)}
    return [take_turns(run, measure, doers, run.scale.start_rounds, milliseconds)]


def measure_exists(run: Run) -> list[Measure]:
    """The latency of a small call."""
    measure = Measure("embedded-exists", "`exists` on file, median", "µs")
    arguments = {"path": str(run.ground.file(1)), "calls": run.scale.calls}
    with workers(run, EMBEDDED, JAVA) as there:
        doers = {name: asking(who, "exists", arguments) for name, who in there.items()}
        return [take_turns(run, measure, doers, run.scale.call_rounds, lambda answer: answer["seconds"] * 1e6)]


def measure_list(run: Run) -> list[Measure]:
    """A directory with many entries."""
    entries = run.scale.entries
    measure = Measure("embedded-list", f"listing {entries:,} entries on file", "ms")
    arguments = {"path": str(run.ground.directory(entries)), "expected": entries}
    with workers(run, EMBEDDED, PLAIN) as there:
        doers = {name: asking(who, "list", arguments) for name, who in there.items()}
        return [take_turns(run, measure, doers, run.scale.list_rounds, milliseconds)]


def measure_file(run: Run) -> list[Measure]:
    """A large file of this machine, read and written, and the memory that it takes."""
    scale, ground = run.scale, run.ground
    file = str(ground.file(scale.file))

    def writing(who: Answering) -> Doer:
        def do(sample: bool) -> Mapping[str, Any]:
            answer = who.ask("write", path=str(ground.new("written")), mib=scale.file, sample=sample)
            ground.new("written")
            return answer

        return do

    def memory(_sample: bool) -> Mapping[str, Any]:
        with worker(EMBEDDED, ground) as who:
            return who.ask("memory", path=file, new=str(ground.new("written")), mib=scale.file)

    with workers(run, EMBEDDED, PLAIN) as there:
        readers = {name: asking(who, "read", {"path": file, "expected": scale.file * MIB}) for name, who in there.items()}
        writers = {name: writing(who) for name, who in there.items()}
        reading = Measure("embedded-read", f"reading {scale.file:,} MiB on file", "MiB/s")
        take_turns(run, reading, readers, scale.file_rounds, speed(scale.file))
        written = Measure("embedded-write", f"writing {scale.file:,} MiB on file", "MiB/s")
        take_turns(run, written, writers, scale.file_rounds, speed(scale.file))
    taken = Measure("embedded-memory", f"memory while reading and writing {scale.file:,} MiB on file", "MiB")
    take_turns(run, taken, {EMBEDDED: memory}, scale.memory_rounds, lambda answer: answer["bytes"] / MIB, warm=False)
    ground.new("written")
    return [reading, written, taken]


def measure_jobs(run: Run) -> list[Measure]:
    """The round trip of a job: submitted, and waited for."""
    scale = run.scale
    local = Measure("embedded-job", "a local job's round trip", "ms")
    far = Measure("ssh-job", "an ssh job's round trip", "ms")
    with workers(run, EMBEDDED, JAVA) as there:
        measured = _round_trips(run, local, there, {"count": scale.local_jobs})
        try:
            place = login(run.ground.host("ssh"), "ssh")
        except ContenderError as error:
            return [*measured, *cannot([far], error)]
        return [*measured, *_round_trips(run, far, there, {"count": scale.ssh_jobs, "place": place})]


def _round_trips(run: Run, measure: Measure, there: Mapping[str, Answering], arguments: Mapping[str, Any]) -> list[Measure]:
    """The Java server takes part twice: asked once to wait, as any client does, and in the short rounds in which this SDK asks it."""
    doers = {
        EMBEDDED: asking(there[EMBEDDED], "job", arguments),
        JAVA: asking(there[JAVA], "job", {**arguments, "one_call": True}),
        JAVA_ASKED_OFTEN: asking(there[JAVA], "job", arguments),
    }
    take_turns(run, measure, doers, run.scale.job_rounds, milliseconds)
    often = Measure(f"{measure.name}-asked-often", measure.title, measure.unit)
    often.rounds = {name: measure.rounds[name] for name in (EMBEDDED, JAVA_ASKED_OFTEN) if name in measure.rounds}
    often.notes = {name: measure.notes[name] for name in (EMBEDDED, JAVA_ASKED_OFTEN) if name in measure.notes}
    measure.rounds.pop(JAVA_ASKED_OFTEN, None)
    measure.notes.pop(JAVA_ASKED_OFTEN, None)
    return [measure, often]


MEASURES: dict[str, Callable[[Run], list[Measure]]] = {
    "embedded-start": measure_start,
    "embedded-exists": measure_exists,
    "embedded-list": measure_list,
    "embedded-file": measure_file,
    "embedded-sftp": measure_sftp,
    "embedded-sftp-latency": measure_sftp_latency,
    "embedded-trees": measure_trees,
    "embedded-jobs": measure_jobs,
    "embedded-slurm": measure_slurm,
}
