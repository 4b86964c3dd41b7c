"""Tests of greetings, on a real cluster."""

from __future__ import annotations

import pytest
from greetings import greet

from pyxenon_testing import SlurmServer


@pytest.mark.parametrize("name", ["Ada", "$HOME; 'Bob'"])
def test_the_cluster_greets(xenon_slurm: SlurmServer, name: str) -> None:
    folder = xenon_slurm.run("mktemp -d").strip()
    with xenon_slurm.scheduler() as scheduler, xenon_slurm.filesystem() as files:
        assert greet(scheduler, files, folder, name) == f"hello {name}\n"
