"""The queues by themselves."""

from __future__ import annotations

import pytest

from pyxenon_server.schedulers.processes.queues import Queue


def test_jobs_leave_in_the_order_in_which_they_came():
    queue: Queue[str] = Queue("single", 1)
    for job in "abc":
        queue.add(job)
    assert queue.take() == "a"
    assert queue.take() is None
    assert queue.remove("a")
    assert queue.take() == "b"


@pytest.mark.parametrize(("slots", "running"), [(1, 1), (3, 3), (None, 5)])
def test_no_more_run_than_there_are_slots(slots, running):
    queue: Queue[int] = Queue("queue", slots)
    for job in range(5):
        queue.add(job)
    while queue.take() is not None:
        pass
    assert len(queue.running) == running
    assert queue.state().information == {"pending": str(5 - running), "running": str(running), "slots": str(slots or "unlimited")}


def test_a_job_that_waits_can_be_removed_and_nothing_twice():
    queue: Queue[str] = Queue("single", 1)
    queue.add("a")
    queue.add("b")
    assert queue.remove("a")
    assert not queue.remove("a")
    assert queue.take() == "b"
    assert queue.take() is None
