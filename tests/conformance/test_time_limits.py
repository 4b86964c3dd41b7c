"""A job that runs into its time limit. It takes a minute, and so was begun with the first test of a scheduler."""

from __future__ import annotations

import pytest

import xenon
from conformance.overrunning import Overrunning
from conformance.places import Place, on
from pyxenon_core.messages import JobStatusErrorType as Kind

pytestmark = [pytest.mark.timeout(120), on("local", "ssh")]


def test_time_limit(overrunning: Overrunning, place: Place) -> None:
    """End a job that runs longer than it may"""
    scheduler, job = overrunning.job(place)
    status = scheduler.wait_until_done(job, timeout=75_000)
    assert status.done and not status.running, "it still runs"
    assert status.error_type == Kind.CANCELLED, f"it is told as {status.error_type.name}: {status.error_message}"
    assert isinstance(scheduler, xenon.Scheduler)
