"""Slurm, on this machine or over SSH: all releases from 20.11 on, with or without accounting."""

from __future__ import annotations

from pyxenon_server.schedulers.slurm.scheduler import SlurmScheduler

__all__ = ["SlurmScheduler"]
