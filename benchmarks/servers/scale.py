"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scale import MIB

__all__ = ["FULL", "QUICK", "Scale"]


@dataclass(frozen=True)
class Scale:
    """Sizes, and how many rounds each measure has. Sizes of files are in MiB."""

    file: int
    entries: int
    calls: int
    sftp_file: int
    delayed_file: int
    small_files: int
    local_jobs: int
    ssh_jobs: int
    slurm_jobs: int
    milliseconds: int
    """How much later answers come in the measures with latency."""
    start_rounds: int
    call_rounds: int
    list_rounds: int
    file_rounds: int
    memory_rounds: int
    sftp_rounds: int
    delayed_rounds: int
    tree_rounds: int
    job_rounds: int
    slurm_rounds: int

    @property
    def bytes_on_disk(self) -> int:
        """What a run needs at once: the files that are read, one that is written, and some room."""
        return (2 * self.file + 2 * self.sftp_file + self.delayed_file + 512) * MIB


FULL = Scale(
    file=1024,
    entries=10_000,
    calls=1_000,
    sftp_file=256,
    delayed_file=64,
    small_files=2_000,
    local_jobs=12,
    ssh_jobs=2,
    slurm_jobs=500,
    milliseconds=50,
    start_rounds=7,
    call_rounds=9,
    list_rounds=9,
    file_rounds=5,
    memory_rounds=2,
    sftp_rounds=5,
    delayed_rounds=3,
    tree_rounds=3,
    job_rounds=5,
    slurm_rounds=2,
)

QUICK = Scale(
    file=32,
    entries=500,
    calls=100,
    sftp_file=16,
    delayed_file=8,
    small_files=100,
    local_jobs=2,
    ssh_jobs=1,
    slurm_jobs=10,
    milliseconds=50,
    start_rounds=2,
    call_rounds=3,
    list_rounds=3,
    file_rounds=2,
    memory_rounds=1,
    sftp_rounds=2,
    delayed_rounds=1,
    tree_rounds=2,
    job_rounds=2,
    slurm_rounds=1,
)
