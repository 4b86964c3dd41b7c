"""The measure of a Slurm cluster: many jobs at once over one connection, beside a loop of ``sbatch`` in a shell on the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from benchmarks.contenders import ContenderError
from benchmarks.results import Measure
from benchmarks.servers.contenders import EMBEDDED, SHELL, worker
from benchmarks.servers.hosts import login
from benchmarks.servers.turns import Doer, Run, cannot, take_turns
from pyxenon_testing.errors import TestingError
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["measure_slurm"]

_LOG = "/tmp/queries"
_QUERIES = ("squeue", "sacct", "scontrol", "sinfo")
# In front of a command that asks Slurm something: a line for each time that it runs.
_COUNT = """#!/bin/sh
date +%s.%N >>{log}
exec /usr/bin/{name} "$@"
"""
_LOOP = """
number=0
while [ "$number" -lt {count} ]; do
    sbatch --output=/dev/null --wrap=/bin/true >/dev/null || exit 1
    number=$((number + 1))
done
while [ -n "$(squeue --noheader)" ]; do sleep 0.5; done
"""


def measure_slurm(run: Run) -> list[Measure]:
    """Jobs submitted all at once and waited for, and how often Slurm is asked about them meanwhile."""
    count = run.scale.slurm_jobs
    time = Measure("slurm", f"{count} Slurm jobs over one ssh connection", "s")
    rate = Measure("slurm-queries", f"status queries that reach Slurm meanwhile, for {count} jobs", "1/s")
    try:
        server = run.ground.host("slurm")
        _count_queries(server)
        with worker(EMBEDDED, run.ground) as who:
            place = login(server, "slurm")

            def embedded(sample: bool) -> Mapping[str, Any]:
                _forget_queries(server)
                answer = who.ask("cluster", place=place, count=count, sample=sample)
                if sample:
                    done = (
                        f"all jobs were submitted after {answer['submitted']:.1f} s, and known to be done after {answer['seconds']:.1f} s"
                    )
                    answer["profile"].insert(0, done)
                else:
                    rate.add(EMBEDDED, _rate(server, answer["began"], answer["seconds"]))
                return answer

            doers: dict[str, Doer] = {EMBEDDED: embedded, SHELL: lambda _sample: _shell_loop(server, count)}
            take_turns(run, time, doers, run.scale.slurm_rounds, lambda answer: float(answer["seconds"]), warm=False)
        if EMBEDDED in time.notes:
            rate.note(EMBEDDED, time.notes[EMBEDDED])
        run.say(f"{rate.name}: {', '.join(f'{value:.2f}' for value in rate.rounds.get(EMBEDDED, []))} a second")
    except (ContenderError, TestingError) as error:
        return cannot([time, rate], error)
    return [time, rate]


def _shell_loop(server: SshServer, count: int) -> dict[str, float]:
    start = perf_counter()
    server.container.execute(["sh", "-c", _LOOP.format(count=count)], user=server.username)
    return {"seconds": perf_counter() - start}


def _count_queries(server: SshServer) -> None:
    for name in _QUERIES:
        script = _COUNT.format(log=_LOG, name=name)
        server.container.execute(["sh", "-c", 'printf %s "$1" >"$2" && chmod 755 "$2"', "count", script, f"/usr/local/bin/{name}"])
    _forget_queries(server)
    server.run("squeue")
    if len(_queries(server)) != 1:
        raise ContenderError("the queries to Slurm cannot be counted: another squeue is found first")


def _forget_queries(server: SshServer) -> None:
    server.container.execute(["sh", "-c", f"rm -f {_LOG} && touch {_LOG} && chmod 666 {_LOG}"])


def _queries(server: SshServer) -> list[float]:
    """When Slurm was asked something, in seconds since 1970; the containers share this machine's clock."""
    return list(map(float, server.container.execute(["cat", _LOG]).splitlines()))


def _rate(server: SshServer, began: float, seconds: float) -> float:
    """How many queries followed another one each second, from the first to the last within the time; 0 where there was but one."""
    times = sorted(at for at in _queries(server) if began <= at <= began + seconds)
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
