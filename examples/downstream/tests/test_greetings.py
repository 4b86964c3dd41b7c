"""The cluster greets, for real."""

from __future__ import annotations

from greetings import greet

from xenon_testing import SlurmServer


def test_the_cluster_greets(xenon_slurm: SlurmServer) -> None:
    with xenon_slurm.scheduler("ssh") as scheduler, xenon_slurm.filesystem() as files:
        assert greet(scheduler, files, "Ada") == "hello Ada, from slurmhost\n"
    assert "COMPLETED" in xenon_slurm.run("squeue --states=all --noheader --format='%j %T' --name=greet.sh")
