"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "MIB", "QUICK", "Scale"]

MIB = 1 << 20


@dataclass(frozen=True)
class Scale:
    """Sizes, and how many rounds each measure has."""

    file_mib: int
    """Size of the file that is read and written."""
    entries: int
    """Files in the directory that is listed."""
    calls: int
    """Calls of ``exists`` in a round."""
    jobs: int
    """Jobs in a round."""
    import_rounds: int
    start_rounds: int
    call_rounds: int
    list_rounds: int
    transfer_rounds: int
    memory_rounds: int
    job_rounds: int

    @property
    def file_bytes(self) -> int:
        """Size of the file that is read and written, in bytes."""
        return self.file_mib * MIB

    @property
    def bytes_on_disk(self) -> int:
        """What a run needs at once: the file that is read, one that is written, and some room."""
        return 2 * self.file_bytes + 256 * MIB


FULL = Scale(
    file_mib=512,
    entries=10_000,
    calls=1_000,
    jobs=20,
    import_rounds=15,
    start_rounds=5,
    call_rounds=11,
    list_rounds=9,
    transfer_rounds=5,
    memory_rounds=2,
    job_rounds=3,
)

QUICK = Scale(
    file_mib=32,
    entries=500,
    calls=100,
    jobs=4,
    import_rounds=3,
    start_rounds=1,
    call_rounds=3,
    list_rounds=3,
    transfer_rounds=2,
    memory_rounds=1,
    job_rounds=1,
)
