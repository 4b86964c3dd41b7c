"""What a job's status tells beyond the fields of the interface."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyxenon_core.messages import JobStatus


def status(done: bool = True, exit_code: int = 0, **told: str) -> JobStatus:
    return JobStatus(done=done, exit_code=exit_code, scheduler_specific_information={f"xenon.{key}": value for key, value in told.items()})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (status(exit_code=3), 3),  # from a server that tells no more than the field
        (status(done=False), None),
        (status(done=False, exit_code=7), None),
    ],
)
def test_without_a_word_the_field_counts_once_it_is_done(status: JobStatus, expected: int | None) -> None:
    assert status.known_exit_code == expected


def test_a_code_that_nobody_saw_is_none_whatever_the_field_says() -> None:
    report = JobStatus(done=True, exit_code=-1, scheduler_specific_information={"xenon.exit_code": "unknown"})
    assert report.known_exit_code is None


def test_the_code_that_was_told_counts() -> None:
    report = JobStatus(done=True, exit_code=5, scheduler_specific_information={"xenon.exit_code": "5"})
    assert report.known_exit_code == 5


def test_signal_reason_and_evidence() -> None:
    report = status(signal="KILL", reason="OUT_OF_MEMORY", evidence="sacct", seen="12.5")
    assert (report.signal, report.reason, report.evidence) == ("KILL", "OUT_OF_MEMORY", "sacct")
    assert report.observed_at == datetime(1970, 1, 1, 0, 0, 12, 500000, tzinfo=UTC)


def test_what_is_not_told_is_empty() -> None:
    report = JobStatus(done=True)
    assert (report.signal, report.reason, report.evidence, report.observed_at) == ("", "", "", None)


def test_they_are_no_fields() -> None:
    report = JobStatus()
    with pytest.raises(AttributeError):
        report.signal = "KILL"  # type: ignore[misc]  # the mistake under test
