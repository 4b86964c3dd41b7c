"""What is said of a job for each of Slurm's states: nothing is invented, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from slurm_told import record

from pyxenon_core.errors import JobCanceledException, XenonError
from pyxenon_core.messages import JobStatusErrorType
from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.batch import states
from pyxenon_server.schedulers.batch.records import Phase
from pyxenon_server.schedulers.slurm.parsing import Record
from pyxenon_server.schedulers.slurm.states import PHASES, interpreted

WAITING = "PENDING CONFIGURING REQUEUED REQUEUE_FED REQUEUE_HOLD RESV_DEL_HOLD SPECIAL_EXIT LAUNCH_FAILED RECONFIG_FAIL".split()
RUNNING = "RUNNING COMPLETING SUSPENDED STOPPED SIGNALING RESIZING STAGE_OUT".split()
CANCELLED = JobStatusErrorType.CANCELLED
FAILED = JobStatusErrorType.XENON
NONE = JobStatusErrorType.NONE


def job_state(job: str, records: list[Record]) -> JobState:
    """The state of *job*, from what Slurm says of it."""
    return states.job_state(job, [interpreted(it) for it in records])


@pytest.mark.parametrize("word", WAITING)
def test_states_before_the_beginning(word: str) -> None:
    state = job_state("5", [record("5", word, nodes="", reason="JobHeldUser")])
    assert (state.state, state.running, state.done, state.exit_code, state.reason) == (word, False, False, None, "JobHeldUser")
    assert state.error is None


@pytest.mark.parametrize("word", RUNNING)
def test_states_before_the_end(word: str) -> None:
    state = job_state("5", [record("5", word, "0:15")])
    assert (state.state, state.running, state.done, state.exit_code, state.signal) == (word, True, False, None, "")
    assert state.message().exit_code == 0
    assert "xenon.exit_code" not in state.message().scheduler_specific_information


# word, what Slurm says of its end, the nodes; and then: exit code, signal, error, exit code on the wire
ENDS: list[tuple[str, str, str, int | None, str, Any, int]] = [
    ("COMPLETED", "0:0", "n1", 0, "", NONE, 0),
    ("FAILED", "3:0", "n1", 3, "", NONE, 3),
    ("FAILED", "768", "n1", 3, "", NONE, 3),
    ("FAILED", "0:9", "n1", None, "KILL", NONE, 137),
    ("FAILED", "139", "n1", None, "SEGV", NONE, 139),
    ("FAILED", "0:53", "n1", None, "", FAILED, -1),
    ("FAILED", "0:1", "", None, "", FAILED, -1),
    ("FAILED", "0:0", "n1", None, "", FAILED, -1),
    ("CANCELLED", "0:0", "", None, "", CANCELLED, -1),
    ("CANCELLED", "0:15", "n1", None, "TERM", CANCELLED, 143),
    ("CANCELLED", "143:0", "n1", 143, "", CANCELLED, 143),
    ("TIMEOUT", "0:0", "n1", None, "", CANCELLED, -1),
    ("TIMEOUT", "0:15", "n1", None, "TERM", CANCELLED, 143),
    ("TIMEOUT", "3:0", "n1", 3, "", CANCELLED, 3),
    ("DEADLINE", "0:1", "", None, "", CANCELLED, -1),
    ("PREEMPTED", "0:0", "n1", None, "", CANCELLED, -1),
    ("OUT_OF_MEMORY", "0:125", "n1", None, "", FAILED, -1),
    ("OUT_OF_MEMORY", "0:9", "n1", None, "", FAILED, -1),
    ("OUT_OF_MEMORY", "137:0", "n1", 137, "", FAILED, 137),
    ("NODE_FAIL", "0:1", "n1", None, "", FAILED, -1),
    ("NODE_FAIL", "0:0", "n1", None, "", FAILED, -1),
    ("BOOT_FAIL", "0:1", "n1", None, "", FAILED, -1),
    ("REVOKED", "0:0", "", None, "", FAILED, -1),
]


@pytest.mark.parametrize(("word", "said", "nodes", "exit_code", "signal", "error", "wire"), ENDS)
def test_ends(word: str, said: str, nodes: str, exit_code: int | None, signal: str, error: Any, wire: int) -> None:
    state = job_state("5", [record("5", word, said, nodes=nodes)])
    assert (state.state, state.running, state.done, state.exit_code, state.signal) == (word, False, True, exit_code, signal)
    message = state.message()
    assert (message.error_type, message.exit_code) == (error, wire)
    assert message.scheduler_specific_information["xenon.exit_code"] == ("unknown" if exit_code is None else str(exit_code))


def test_every_end_is_tried_above() -> None:
    assert {word for word, phase in PHASES.items() if phase is Phase.ENDED} == {end[0] for end in ENDS}


def test_a_word_that_nobody_knows_stays_itself() -> None:
    state = job_state("5", [record("5", "HIBERNATING", "0:0", reason="Winter")])
    assert (state.state, state.running, state.done, state.exit_code, state.reason) == ("HIBERNATING", False, False, None, "Winter")


def test_who_cancelled() -> None:
    state = job_state("5", [record("5", "CANCELLED", "0:15", by="1000", source="sacct")])
    assert isinstance(state.error, JobCanceledException)
    assert "by the user 1000" in state.error.reason
    assert state.evidence == "sacct"


def test_memory_is_named_with_what_to_do() -> None:
    state = job_state("5", [record("5", "OUT_OF_MEMORY", "0:125")])
    assert isinstance(state.error, XenonError)
    assert "max_memory" in state.error.hint


def test_an_array_is_done_when_all_are_and_ends_as_the_worst() -> None:
    ok, bad, wait = (
        record("8_1", "COMPLETED", number="9"),
        record("8_2", "FAILED", "4:0", number="10"),
        record("8_3-9", "PENDING", nodes=""),
    )
    assert (job_state("8", [ok, bad, wait]).done, job_state("8", [ok, bad, wait]).running) == (False, True)
    assert job_state("8", [ok, bad, wait]).state == "PENDING"
    assert job_state("8", [wait]).running is False
    done = job_state("8", [ok, bad])
    assert (done.done, done.state, done.exit_code) == (True, "FAILED", 4)
    assert done.information["ArrayTasks"] == "1=COMPLETED 2=FAILED"
    killed = record("8_4", "FAILED", "0:9", number="12")
    assert job_state("8", [ok, bad, killed]).signal == "KILL"
    out_of_time = record("8_5", "TIMEOUT", "0:0", number="13")
    assert job_state("8", [ok, bad, killed, out_of_time]).state == "TIMEOUT"
    assert job_state("8", [ok, ok]).exit_code == 0


def test_an_array_of_which_one_runs_is_running() -> None:
    told = [record("8_1", "COMPLETED"), record("8_2", "RUNNING"), record("8_3-9", "PENDING", nodes="")]
    assert (job_state("8", told).state, job_state("8", told).running) == ("RUNNING", True)


def test_information() -> None:
    it = record("5", "RUNNING", reason="None of it", started=1795545177.0, ended=None, submitted=1795545176.0, restarts=2)
    assert job_state("5", [it]).information == {
        "JobId": "5",
        "JobState": "RUNNING",
        "Reason": "None of it",
        "Partition": "main",
        "NodeList": "n1",
        "UserId": "1000",
        "SubmitTime": "2026-11-24T18:32:56Z",
        "StartTime": "2026-11-24T18:32:57Z",
        "Restarts": "2",
    }
