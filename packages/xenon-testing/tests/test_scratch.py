"""The fixtures on the real server, and what is left after them: nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import xenon
from pyxenon_testing import ScratchFileSystem, ScratchScheduler
from pyxenon_testing.scratch import cancel_jobs, fresh_directory

FOREVER = ["-c", "import time; time.sleep(300)"]


def sleeper(queue: str = "") -> xenon.JobDescription:
    return xenon.JobDescription(executable=sys.executable, arguments=FOREVER, queue_name=queue)


def test_a_file_system_comes_with_an_empty_directory(xenon_filesystem: ScratchFileSystem) -> None:
    filesystem, directory = xenon_filesystem.filesystem, xenon_filesystem.directory
    assert directory.is_absolute()
    assert list(filesystem.list(directory)) == []
    filesystem.write_to_file(directory / "greeting", b"hello")
    assert b"".join(filesystem.read_from_file(directory / "greeting")) == b"hello"


def test_a_job_writes_where_the_file_system_of_its_scheduler_reads(xenon_scheduler: ScratchScheduler) -> None:
    here = xenon_scheduler.directory
    description = xenon.JobDescription(
        executable=sys.executable, arguments=["-c", "print('done')"], stdout="output", working_directory=str(here)
    )
    status = xenon_scheduler.scheduler.wait_until_done(xenon_scheduler.scheduler.submit_batch_job(description), timeout=30_000)
    assert (status.done, status.exit_code) == (True, 0)
    assert b"".join(xenon_scheduler.filesystem.read_from_file(here / "output")) == b"done\n"


def test_both_fixtures_in_one_test_have_directories_of_their_own(
    xenon_filesystem: ScratchFileSystem, xenon_scheduler: ScratchScheduler
) -> None:
    assert xenon_filesystem.directory != xenon_scheduler.directory


def test_the_directory_is_removed_with_all_that_is_in_it(xenon_server: xenon.Session) -> None:
    with fresh_directory(xenon_server, "file") as scratch:
        scratch.filesystem.create_directories(scratch.directory / "a/b")
        scratch.filesystem.write_to_file(scratch.directory / "a/b/c", b"x")
        assert Path(scratch.directory, "a/b/c").read_bytes() == b"x"
    assert not Path(scratch.directory).exists()
    assert not scratch.filesystem.is_open()


def test_a_link_is_removed_and_what_it_leads_to_is_not(xenon_server: xenon.Session, tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("kept")
    with fresh_directory(xenon_server, "file") as scratch:
        scratch.filesystem.create_symbolic_link(scratch.directory / "link", tmp_path)
        scratch.filesystem.create_symbolic_link(scratch.directory / "dangling", tmp_path / "nowhere")
    assert not Path(scratch.directory).exists()
    assert (tmp_path / "keep").read_text() == "kept"


def test_the_directory_is_removed_after_a_failure_and_from_a_closed_file_system(xenon_server: xenon.Session) -> None:
    scope = fresh_directory(xenon_server, "file")
    scratch = scope.__enter__()
    scratch.filesystem.create_file(scratch.directory / "file")
    scratch.filesystem.close()
    assert scope.__exit__(ZeroDivisionError, ZeroDivisionError(), None) is False
    assert not Path(scratch.directory).exists()


def test_a_test_may_remove_its_directory_itself(xenon_server: xenon.Session) -> None:
    with fresh_directory(xenon_server, "file") as scratch:
        scratch.filesystem.delete(scratch.directory, recursive=True)
        assert not scratch.filesystem.exists(scratch.directory)


def test_jobs_that_run_or_wait_are_cancelled(xenon_scheduler: ScratchScheduler) -> None:
    scheduler = xenon_scheduler.scheduler
    jobs = [scheduler.submit_batch_job(sleeper("single")) for _ in range(2)]
    assert scheduler.wait_until_running(jobs[0], timeout=30_000).running
    cancel_jobs(scheduler)
    assert scheduler.get_jobs() == []
    assert [status.error_type for status in scheduler.get_job_statuses(jobs)] == [xenon.JobStatus.CANCELLED] * 2


def test_an_interactive_job_is_cancelled_too(xenon_scheduler: ScratchScheduler) -> None:
    _, output = xenon_scheduler.scheduler.submit_interactive_job(sleeper(), [])
    cancel_jobs(xenon_scheduler.scheduler)
    assert xenon_scheduler.scheduler.get_jobs() == []
    output.close()


def test_the_jobs_of_another_scheduler_go_on(xenon_scheduler: ScratchScheduler) -> None:
    with xenon.Scheduler.create("local") as other:
        job = other.submit_batch_job(sleeper())
        cancel_jobs(xenon_scheduler.scheduler)
        assert not other.wait_until_running(job, timeout=30_000).done
        other.cancel_job(job)


def test_a_scheduler_that_the_test_closed_needs_nothing(xenon_scheduler: ScratchScheduler) -> None:
    xenon_scheduler.scheduler.close()
    cancel_jobs(xenon_scheduler.scheduler)
    assert not xenon_scheduler.scheduler.is_open()
