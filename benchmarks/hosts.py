"""Hosts in Docker that the server in this process reaches over SSH, beside OpenSSH's ``sftp`` and a shell on a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.ground import Ground, remove
from benchmarks.measure import MIB, Answer, Doer, GetReady
from benchmarks.processes import ContenderError, Process
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["cluster", "far_away", "over_sftp", "ssh_place"]

_LOG = "/tmp/queries"
# A script in front of each command that queries Slurm, which logs the time of each query.
_COUNT = f"""
for name in squeue sacct scontrol sinfo; do
    printf '#!/bin/sh\\ndate +%%s.%%N >>{_LOG}\\nexec /usr/bin/%s "$@"\\n' "$name" >"/usr/local/bin/$name"
    chmod 755 "/usr/local/bin/$name"
done
"""
_FORGET = f"rm -f {_LOG} && touch {_LOG} && chmod 666 {_LOG}"
_LOOP = """
number=0
while [ "$number" -lt {number} ]; do
    sbatch --output=/dev/null --wrap=/bin/true >/dev/null || exit 1
    number=$((number + 1))
done
while [ -n "$(squeue --noheader)" ]; do sleep 0.5; done
"""


class _Sftp(Process):
    """OpenSSH's ``sftp`` with its own defaults, whatever the user has configured."""

    def __init__(self, ground: Ground, server: SshServer) -> None:
        if shutil.which("sftp") is None:
            raise ContenderError("the program sftp is missing; install OpenSSH's client")
        known = f"-oUserKnownHostsFile={ground.known_hosts}"
        options = [known, "-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-i", str(server.private_key)]
        command = ["sftp", "-q", "-F", "/dev/null", "-b", "-", *options, "-P", str(server.port), f"{server.username}@{server.host}"]
        super().__init__(command, ground.folder / "openssh.log")

    def do(self, command: str) -> float:
        """Run *command* and return the seconds; raises ContenderError when it fails, which ends the program."""
        start = perf_counter()
        self.write_line(f"{command}\n!echo done")
        while self.read_line() != "done":
            pass
        return perf_counter() - start


def over_sftp(task: str, command: str, size: str = "") -> GetReady:
    """Have ``xenon`` do *task* and OpenSSH *command* with a file of the size called *size*, or a tree, and remove the copy each time."""

    @contextmanager
    def ready(ground: Ground, who: Contender) -> Iterator[Doer]:
        server, mib = ground.host("ssh"), getattr(ground.scale, size) if size else 0
        local = ground.file(mib, ground.memory) if mib else ground.tree()
        home, recursive = f"/home/{server.username}", "" if mib else "-r"
        source = str(local) if command == "put" else f"{home}/{local.name}"
        target = str(ground.memory / "got") if command == "get" else f"{home}/sent"
        asked = {"place": _place(server, "sftp"), "source": source, "target": target, "expected": mib * MIB}
        if task == "copy":
            asked["command"] = command
        with _Sftp(ground, server) as sftp, ground.worker(who) if who.way else nullcontext() as worker:
            sftp.do("pwd" if local.name in ground.uploaded else f"put {recursive} {local} {home}/{local.name}")
            ground.uploaded.add(local.name)

            def do(sample: bool) -> Answer:
                try:
                    if worker:
                        return worker.ask(f"hosts.{task}", sample=sample, **asked)
                    return {"seconds": sftp.do(f"{command} {recursive} {source} {target}"), "count": mib * MIB}
                finally:
                    remove(ground.memory / "got")
                    server.container.execute(["rm", "-rf", f"{home}/sent"])

            yield do

    return ready


def far_away(ground: Ground) -> AbstractContextManager[None]:
    """Delay what the host sends."""
    return ground.host("ssh").faults.latency(ground.scale.milliseconds)


def ssh_place(ground: Ground) -> dict[str, Any]:
    """Return the arguments by which tasks reach a host to run jobs there."""
    return _place(ground.host("ssh"), "ssh")


def _place(server: SshServer, adaptor: str) -> dict[str, Any]:
    """Return the arguments by which :mod:`benchmarks.workers.hosts` reaches *server* through *adaptor*."""
    access = next(way for way in (server.files, *server.jobs) if way is not None and way.adaptor == adaptor)
    key = str(server.private_key)
    return {"location": access.location, "properties": dict(access.properties), "username": server.username, "key": key}


@contextmanager
def cluster(ground: Ground, who: Contender) -> Iterator[Doer]:
    """Submit jobs, wait for them, and count the queries that Slurm gets meanwhile."""
    server, number = ground.host("slurm"), ground.scale.slurm_jobs

    def shell(script: str, user: str = "root") -> float:
        start = perf_counter()
        server.container.execute(["sh", "-c", script], user=user)
        return perf_counter() - start

    if not who.way:
        yield lambda _sample: {"seconds": shell(_LOOP.format(number=number), server.username)}
        return
    shell(_COUNT + _FORGET)
    server.run("squeue")
    if not _queries(server):
        raise ContenderError("the queries to Slurm cannot be counted: another squeue is found first")
    with ground.worker(who) as worker:

        def do(sample: bool) -> Answer:
            shell(_FORGET)
            asked = {"place": _place(server, "slurm"), "target": ground.target("embedded"), "number": number}
            answer = worker.ask("hosts.cluster", sample=sample, **asked)
            done = f"all jobs were submitted after {answer['submitted']:.1f} s, and known to be done after {answer['seconds']:.1f} s"
            times = [at for at in _queries(server) if answer["began"] <= at <= answer["began"] + answer["seconds"]]
            # The queries per second after the first one; 0 when there was only one.
            rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
            return {**answer, "rate": rate, "profile": [done, *answer.get("profile", [])]}

        yield do


def _queries(server: SshServer) -> list[float]:
    """Return the times of the queries in seconds since 1970; the containers share this machine's clock."""
    return sorted(map(float, server.container.execute(["cat", _LOG]).splitlines()))
