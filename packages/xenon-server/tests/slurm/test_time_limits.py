"""A job that runs into its time limit, on each release."""

from __future__ import annotations

from typing import Any

import pytest

from pyxenon_core.errors import JobCanceledException


@pytest.mark.timeout(240)
async def test_out_of_time(any_cluster: Any, out_of_time: dict[str, str], release: str) -> None:
    """Slurm says of its end 0:0, or the signal that it sent; it is no success."""
    async with any_cluster.open() as jobs:
        state = await jobs.done(out_of_time[release], 115)
        assert (state.state, state.done, state.exit_code, state.name) == ("TIMEOUT", True, None, "long")
        assert state.signal in ("", "TERM")
        assert isinstance(state.error, JobCanceledException)
