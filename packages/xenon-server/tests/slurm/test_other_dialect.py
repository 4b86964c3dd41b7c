"""Another batch system than Slurm: a dialect, and nothing else, makes a scheduler of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pyxenon_core.errors import (
    InvalidJobDescriptionException,
    NoSuchJobException,
    NoSuchQueueException,
    UnsupportedOperationException,
    XenonError,
)
from pyxenon_core.messages import DefaultCredential, JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.job_state import is_done
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.batch.arrays import ArraySpec
from pyxenon_server.schedulers.batch.dialect import Dialect, Site, Verdict
from pyxenon_server.schedulers.batch.job_script import job_script
from pyxenon_server.schedulers.batch.records import Ending, JobRecord, Phase, Queue
from pyxenon_server.schedulers.batch.scheduler import BatchScheduler, poll_delay, shell_properties


class ShelfDialect(Dialect):
    """A batch system that keeps the scripts of its jobs in a folder, and runs each when it is first asked about it."""

    name = "shelf"
    title = "Shelf"
    submitter = "put"
    asker = "look"
    folder: ClassVar[str]

    def probe(self) -> str:
        return f"cd {self.folder} && echo shelf 1.0"

    def parse_probe(self, printed: str, user: str, home: str) -> ShelfDialect:
        return ShelfDialect(Site(user, home, printed.strip()))

    def queues(self) -> str:
        return "echo only"

    def parse_queues(self, printed: str) -> list[Queue]:
        return [Queue(name, default=False, default_time=None, most_time=None) for name in printed.split()]

    def queue_states(self, token: str) -> str:
        return self.queues()

    def parse_queue_states(self, printed: str, token: str) -> Mapping[str, Mapping[str, str]]:
        return {name: {"KIND": "shelf"} for name in printed.split()}

    def jobs_in(self, queues: Sequence[str]) -> str:
        return f"cd {self.folder} && ls *.job"

    def parse_jobs_in(self, printed: str) -> list[str]:
        return [name.removesuffix(".job") for name in printed.split()]

    def job_name(self, description: JobDescription, *, interactive: bool) -> str:
        return description.name

    def options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        return [tag, "full" if description.queue_name else "free"]

    def array(self, spec: ArraySpec) -> list[str]:
        return []

    def dependency(self, jobs: Sequence[str]) -> list[str]:
        return []

    def script(self, description: JobDescription, directory: str) -> str:
        return job_script(description, directory, (), lambda name, directory: False)

    def submit_script(self, options: Sequence[str], script: str, token: str) -> str:
        tag, room = options
        refuse = "{ echo the shelf is full >&2; false; }"
        keep = f"{{ n=$(ls {self.folder} | grep -c 'job$'); cat >{self.folder}/$n.job; echo {tag} >{self.folder}/$n.tag; echo put $n; }}"
        return f"{refuse if room == 'full' else keep} <<'{token}'\n{script}{token}\n"

    def job_id(self, stdout: str, stderr: str) -> str:
        return stdout.removeprefix("put ").strip()

    def parse_id(self, job: str) -> tuple[str, str] | None:
        return (job, "") if job.isdigit() else None

    def lookup(self, token: str, tags: Sequence[str]) -> str:
        return self.query(token, [], own=True)

    def parse_lookup(self, printed: str, token: str) -> list[JobRecord]:
        return self.parse_query(printed, token)

    def how_to_find(self, tag: str) -> str:
        return f"grep {tag} {self.folder}/*"

    def query(self, token: str, numbers: Sequence[str], *, own: bool) -> str:
        look = 'echo "$n $(cat $n.tag) $(sh $n.job >/dev/null 2>&1; echo $?)"'
        return f"cd {self.folder}; for n in {' '.join(numbers)}; do [ ! -f $n.job ] || {look}; done"

    def parse_query(self, printed: str, token: str) -> list[JobRecord]:
        rows = [line.split() for line in printed.splitlines()]
        return [
            JobRecord(job, job, "", "READ", Phase.ENDED, Ending(int(code)), user=self.site.user, tag=tag, source="look")
            for job, tag, code in rows
        ]

    def cancel(self, jobs: Sequence[str]) -> str:
        return "true"

    def parse_cancel(self, stderr: str) -> Mapping[str, XenonError]:
        return {}

    def classify(self, status: int, stdout: str, stderr: str) -> Verdict:
        return Verdict.REFUSED


class ShelfScheduler(BatchScheduler):
    name = "shelf"
    description = "Jobs on a shelf."
    delay = poll_delay("shelf")
    properties = (delay, *shell_properties("Shelf"))
    dialect = ShelfDialect()


async def test_a_dialect_is_all_that_a_batch_system_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setattr(ShelfDialect, "folder", str(folder), raising=False)
    properties = Properties.check("shelf", ShelfScheduler.properties, {ShelfScheduler.delay.name: "10"})
    scheduler = await ShelfScheduler.open(OpenRequest(f"local://{tmp_path}", DefaultCredential(), properties, Resources(tmp_path)))
    try:
        assert list(await scheduler.queue_names()) == ["only"]
        with pytest.raises(NoSuchQueueException, match="Shelf has no default queue"):
            await scheduler.default_queue_name()
        with pytest.raises(NoSuchQueueException, match="unknown queue 'other'; the queues are only"):
            await scheduler.queue_state("other")
        fields: dict[str, Any] = {"stdout": "out", "working_directory": str(tmp_path), "environment": {"A": "it's", "SECONDS": "old"}}
        job = await scheduler.submit(JobDescription("sh", ["-c", 'echo "$A $SECONDS"; exit 3'], name="mine", **fields))
        state = await scheduler.wait(job, is_done, 5)
        assert (job, state.state, state.exit_code, state.evidence, state.name) == ("0", "READ", 3, "look", "mine")
        assert (tmp_path / "out").read_text() == "it's old\n"
        assert (await scheduler.cancel(job)).exit_code == 3
        assert list(await scheduler.jobs([])) == ["0"]
        with pytest.raises(NoSuchJobException, match="Shelf has no job '7'"):
            await scheduler.job_state("7")
        with pytest.raises(InvalidJobDescriptionException, match="Shelf refused the job: the shelf is full"):
            await scheduler.submit(JobDescription("true", queue_name="only"))
        with pytest.raises(UnsupportedOperationException, match="interactive"):
            await scheduler.converse(JobDescription("true"), _nothing())
    finally:
        await scheduler.close()


async def _nothing() -> Any:
    for _ in range(0):
        yield b""
