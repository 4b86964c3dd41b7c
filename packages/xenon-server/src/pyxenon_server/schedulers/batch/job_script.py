"""The place where a job starts."""

from __future__ import annotations

import posixpath

from pyxenon_core.messages import JobDescription

__all__ = ["directory_of"]


def directory_of(description: JobDescription, base: str) -> str:
    """The directory in which the job starts, seen from *base*, where the scheduler is."""
    return posixpath.join(base, description.working_directory) if description.working_directory else base
