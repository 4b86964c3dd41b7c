"""Batch jobs: every field of a description, and how jobs end."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import xenon
from conformance.batch import Batch, Described, shell
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import JOBS, Place, on
from conformance.servers import JAVA
from pyxenon_core.messages import JobStatusErrorType as Kind
from xenon import JobDescription, JobStatus
from xenon.exceptions import (
    IncompleteJobDescriptionException,
    InvalidJobDescriptionException,
    NoSuchQueueException,
    UnsupportedJobDescriptionException,
)

pytestmark = pytest.mark.timeout(120)
WITHOUT_CLUSTER = on("local", "ssh")
SLURM = on("slurm", servers=("embedded", "socket"))
ARGUMENTS = ["a b", "it's", '"quoted"', "$HOME", "`id`", "*", "\\", "new\nline", "naïve-日本", "-n", "--", "a;b", "!"]
VALUES = {
    "PLAIN": "1",
    "SPACE": "a b",
    "QUOTES": 'it\'s "quoted"',
    "DOLLAR": "$HOME `id`",
    "LINES": "one\ntwo",
    "EMPTY": "",
    "LETTERS": "日本",
}
BRACKETS = 'printf "<%s>" "$@"'
MIXED = shell("true", name="a job", max_runtime=5, tasks=1, cores_per_task=1, tasks_per_node=1, max_memory=100)


def queue_of(place: Place) -> str:
    """A queue for many jobs, in which they run at once where the server can do that."""
    if place.adaptor == "slurm":
        return "main"
    # xenon-grpc 3.0.1 loses jobs that run at the same time over ssh, which has a test of its own.
    return "single" if (place.server, place.adaptor) == (JAVA, "ssh") else "unlimited"


def job(script: str, *arguments: str, **settings: object) -> Described:
    """A job in a queue for many, in the folder, with its output in the file ``{name}``."""

    def describe(folder: str, place: Place) -> JobDescription:
        own = {"working_directory": folder, "queue_name": queue_of(place), **settings}
        named = {key: value.format(folder=folder) if isinstance(value, str) else value for key, value in own.items()}
        return shell(script, *arguments, **named)

    return describe


def changed(describe: Described, **settings: object) -> Described:
    """As *describe*, with other *settings*."""

    def describe_changed(folder: str, place: Place) -> JobDescription:
        description = describe(folder, place)
        for name, value in settings.items():
            setattr(description, name, value)
        return description

    return describe_changed


def program(folder: str, place: Place) -> JobDescription:
    place.ground.run(f"cd '{folder}' && cat >'a program' && chmod 755 'a program'", b'#!/bin/sh\nprintf "<%s>" "$@"\n')
    settings = {"working_directory": folder, "stdout": "program", "queue_name": queue_of(place)}
    return JobDescription(executable=f"{folder}/a program", arguments=["x", "y z"], **settings)


def fed(folder: str, place: Place) -> JobDescription:
    place.ground.run(f"printf 'one\\ntwo\\n' >'{folder}/in'")
    return job("cat", stdin="in", stdout="fed")(folder, place)


def overwriting(folder: str, place: Place) -> JobDescription:
    place.ground.run(f"printf 'something long that was there\\n' >'{folder}/overwriting'")
    return job("echo new", stdout="overwriting")(folder, place)


DESCRIBED: Mapping[str, Described] = {
    "output": job("echo done", stdout="{folder}/output"),
    "relative": job("pwd", stdout="relative"),
    "errors": job("echo out; echo err >&2", stdout="errors.out", stderr="{folder}/errors.err"),
    "together": job("echo out; echo err >&2", stdout="together", stderr="together"),
    "fed": fed,
    "unfed": job("cat; echo end", stdout="unfed"),
    "discarded": job("echo out; echo err >&2; ls | grep -c '^discarded' >found; true"),
    "overwriting": overwriting,
    "home": changed(job("pwd", stdout="{folder}/home"), working_directory=""),
    "arguments": job(BRACKETS, *ARGUMENTS, stdout="arguments"),
    "empty": job(BRACKETS, "", "b", "", stdout="empty"),
    "environment": job("".join(f'printf "<%s>" "${name}";' for name in VALUES), environment=VALUES, stdout="environment"),
    "program": program,
    "by name": lambda folder, place: JobDescription(
        executable="uname", working_directory=folder, stdout="by name", queue_name=queue_of(place)
    ),
    "binary": job("printf '\\000\\377\\n'", stdout="binary"),
    "spaces": job("echo done", stdout="a file with spaces"),
    "exit 0": job("exit 0"),
    "exit 3": job("exit 3"),
    "exit 255": job("exit 255"),
    "killed": job("kill -9 $$"),
    "terminated": job("kill -15 $$"),
    "missing program": changed(job("true"), executable="/nowhere/program"),
    "missing directory": changed(job("true"), working_directory="/nowhere/at/all"),
    "missing input": job("cat", stdin="/nowhere/file"),
    "missing output directory": job("echo", stdout="/nowhere/file"),
    "name": job("exit 0", name="a name"),
    "default queue": changed(job("echo done", stdout="default queue"), queue_name=""),
    "mixed": lambda folder, place: MIXED,
}


@pytest.fixture(scope="session")
def batches() -> dict[tuple[str, str], Batch]:
    """The jobs above, by place."""
    return {}


@pytest.fixture
def batch(batches: dict[tuple[str, str], Batch], place: Place, scheduler: xenon.Scheduler) -> Batch:
    """The jobs above in the place of the test."""
    key = (place.server, place.adaptor)
    if key not in batches:
        batches[key] = Batch.run(place, scheduler, DESCRIBED)
    return batches[key]


# --- standard input and output ---


@JOBS
def test_output(batch: Batch) -> None:
    """Put output into a file that is named by its absolute path"""
    assert batch.output("output") == "done\n"


@JOBS
def test_relative_output(batch: Batch) -> None:
    """Put output into a file that is named from the working directory"""
    assert batch.output("relative") == f"{batch.folder}\n"


@JOBS
def test_errors(batch: Batch) -> None:
    """Put standard error into a file of its own"""
    batch.succeeded("errors")
    assert (batch.file("errors.out"), batch.file("errors.err")) == ("out\n", "err\n")


@JOBS
def test_output_and_errors_together(batch: Batch) -> None:
    """Put output and standard error into one file"""
    assert sorted(batch.output("together").split()) == ["err", "out"], "something is lost"


@JOBS
def test_input(batch: Batch) -> None:
    """Feed a file to standard input"""
    assert batch.output("fed") == "one\ntwo\n"


@JOBS
def test_no_input(batch: Batch) -> None:
    """Give no input where none is named"""
    assert batch.output("unfed") == "end\n"


@JOBS
def test_discarded_output(batch: Batch) -> None:
    """Discard output for which no file is named"""
    batch.succeeded("discarded")
    left = batch.ground.run(f"cd '{batch.folder}' && ls | grep -i -E 'slurm|discarded|out$' || true").decode().split()
    assert set(left) <= {"errors.out"}, f"files are left: {left}"


@JOBS
def test_output_over_a_file(batch: Batch) -> None:
    """Put output into a file that exists, in place of what is in it"""
    assert batch.output("overwriting") == "new\n"


@JOBS
def test_large_output(place: Place) -> None:
    """Put 3 MB of output into a file"""
    # On a handle of its own: when the released server stops copying too early, it closes its connection, and all other jobs of it fail.
    with place.create() as scheduler:
        large = Batch.run(place, scheduler, {"large": job("head -c 3000000 /dev/zero | tr '\\0' x", stdout="large")})
        output = large.output("large")
    assert output == "x" * len(output)
    assert len(output) == 3_000_000, f"the end of the output is missing, from byte {len(output)} on"


@JOBS
def test_binary_output(batch: Batch) -> None:
    """Leave the bytes of output as they are"""
    batch.succeeded("binary")
    assert batch.ground.run(f"cat '{batch.folder}/binary'") == b"\x00\xff\n"


@JOBS
def test_output_with_spaces(batch: Batch) -> None:
    """Put output into a file with spaces in its name"""
    batch.succeeded("spaces")
    assert batch.file("a file with spaces") == "done\n"


@JOBS
def test_default_directory(batch: Batch, scheduler: xenon.Scheduler) -> None:
    """Start a job in the working directory of the scheduler's file system where its description names none"""
    assert batch.output("home").strip() == str(scheduler.get_file_system().get_working_directory())


@JOBS
def test_relative_directory(place: Place, ground: Ground, folder: xenon.Path) -> None:
    """Resolve a relative working directory against that of the scheduler"""
    ground.run(f"mkdir '{folder}/inner'")
    with place.create(str(folder)) as scheduler:
        status = scheduler.wait_until_done(
            scheduler.submit_batch_job(shell("pwd", working_directory="inner", stdout="out")), timeout=30_000
        )
    assert not status.error_message, status.error_message
    assert ground.run(f"cat '{folder}/inner/out'").decode() == f"{folder}/inner\n", "the output is elsewhere"


# --- what reaches the program ---


@JOBS
def test_arguments(batch: Batch) -> None:
    """Hand over arguments as they are"""
    assert batch.output("arguments") == "".join(f"<{argument}>" for argument in ARGUMENTS), "the arguments were changed"


@JOBS
def test_empty_arguments(batch: Batch) -> None:
    """Hand over empty arguments"""
    assert batch.output("empty") == "<><b><>", "the arguments were changed"


@JOBS
def test_environment(batch: Batch) -> None:
    """Hand over the environment as it is"""
    assert batch.output("environment") == "".join(f"<{value}>" for value in VALUES.values()), "the environment was lost"


@JOBS
def test_program(batch: Batch) -> None:
    """Run a program with a space in its name"""
    assert batch.output("program") == "<x><y z>"


@JOBS
def test_program_by_name(batch: Batch) -> None:
    """Find a program by its name"""
    assert batch.output("by name") == "Linux\n"


# --- how jobs end ---


@JOBS
@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code(batch: Batch, code: int) -> None:
    """Tell the exit code"""
    status = batch.ended(f"exit {code}")
    assert status.exit_code == code, f"the exit code is told as {status.exit_code}"
    assert status.error_type == Kind.NONE, f"it is told to have failed: {status.error_message}"
    assert not status.error_message


@JOBS
@pytest.mark.parametrize(("name", "code"), [("killed", 137), ("terminated", 143)], ids=["KILL", "TERM"])
def test_signal(batch: Batch, name: str, code: int) -> None:
    """Tell the signal that ended a job by 128 and its number"""
    status = batch.ended(name)
    assert status.exit_code == code, f"the exit code is told as {status.exit_code}"


@JOBS
@pytest.mark.parametrize("what", ["program", "directory", "input", "output directory"])
def test_missing(batch: Batch, what: str) -> None:
    """Tell that a job failed for want of a program, a directory or a file"""
    status = batch.ended(f"missing {what}")
    assert status.exit_code != 0 or status.error_type not in (Kind.NONE, Kind.CANCELLED), "the job is told to have succeeded"


@JOBS
def test_name(batch: Batch) -> None:
    """Tell the name of a job"""
    assert batch.succeeded("name").name == "a name", f"the name is told as {batch.succeeded('name').name!r}"


@JOBS
def test_default_queue(batch: Batch) -> None:
    """Put a job into the default queue where it names none"""
    assert batch.output("default queue") == "done\n"


@JOBS
def test_wishes(batch: Batch) -> None:
    """Take wishes for time, memory and cores"""
    batch.succeeded("mixed")


@JOBS
def test_status_again(place: Place, scheduler: xenon.Scheduler) -> None:
    """Tell the status of a job that is done as often as one likes"""
    job = scheduler.submit_batch_job(shell("exit 3", queue_name=queue_of(place)))
    first = scheduler.wait_until_done(job, timeout=30_000)
    for again in (scheduler.get_job_status(job), scheduler.wait_until_done(job), scheduler.get_job_statuses([job])[0]):
        assert (again.done, again.exit_code, again.state) == (first.done, first.exit_code, first.state), "the job is forgotten"


@JOBS
def test_many_at_once(place: Place, ground: Ground, folder: xenon.Path) -> None:
    """Run many jobs at once, and lose none"""
    queue = "main" if place.adaptor == "slurm" else "unlimited"
    with place.create() as scheduler:
        settings = {"working_directory": str(folder), "queue_name": queue}
        jobs = [scheduler.submit_batch_job(shell(f"echo {n}; exit {n}", stdout=f"out{n}", **settings)) for n in range(24)]
        statuses = [scheduler.wait_until_done(one, timeout=30_000) for one in jobs]
    assert [status.exit_code for status in statuses] == list(range(24)), "jobs are lost"
    assert sorted(map(int, ground.run(f"cat '{folder}'/out*").split())) == list(range(24)), "output is lost"


# --- what is refused ---


@JOBS
def test_no_executable(scheduler: xenon.Scheduler) -> None:
    """Refuse a job without a program"""
    for submit in (scheduler.submit_batch_job, lambda description: scheduler.submit_interactive_job(description, [])):
        with refused(IncompleteJobDescriptionException):
            submit(JobDescription(arguments=["-c"]))


@JOBS
def test_unknown_queue(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Refuse a job for a queue that is unknown"""
    with refused(NoSuchQueueException, adaptor=adaptor) as refusal:
        scheduler.submit_batch_job(shell("true", queue_name="nonsense"))
    assert "nonsense" in refusal.error.reason


@WITHOUT_CLUSTER
def test_several_tasks(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Refuse a job of several tasks where there is no batch system"""
    with refused(InvalidJobDescriptionException, adaptor=adaptor):
        scheduler.submit_batch_job(shell("true", tasks=2))


@WITHOUT_CLUSTER
@pytest.mark.parametrize(
    ("field", "value"),
    [("scheduler_arguments", ["--exclusive"]), ("start_time", "23:59"), ("temp_space", 1)],
    ids=["scheduler_arguments", "start_time", "temp_space"],
)
def test_unsupported_field(scheduler: xenon.Scheduler, adaptor: str, field: str, value: object) -> None:
    """Refuse what only a batch system could heed"""
    with refused(UnsupportedJobDescriptionException, adaptor=adaptor):
        scheduler.submit_batch_job(shell("true", queue_name="unlimited", **{field: value}))


@WITHOUT_CLUSTER
def test_start_now(scheduler: xenon.Scheduler) -> None:
    """Take `now` for a start time where there is no batch system"""
    status = scheduler.wait_until_done(scheduler.submit_batch_job(shell("true", start_time="now", queue_name="unlimited")), timeout=30_000)
    assert status.exit_code == 0 and not status.error_message


@JOBS
@pytest.mark.parametrize("field", ["stdin", "stdout", "stderr"])
def test_interactive_with_files(scheduler: xenon.Scheduler, adaptor: str, field: str) -> None:
    """Refuse files for the standard streams of an interactive job"""
    with refused(InvalidJobDescriptionException, adaptor=adaptor):
        scheduler.submit_interactive_job(JobDescription(executable="cat", **{field: "/tmp/file"}), [])


# --- Slurm alone ---


def slurm_output(scheduler: xenon.Scheduler, ground: Ground, folder: xenon.Path, script: str, **settings: object) -> list[str]:
    """The lines that a job on Slurm writes, sorted."""
    submitted = scheduler.submit_batch_job(shell(script, working_directory=str(folder), stdout="out", **settings))
    status: JobStatus = scheduler.wait_until_done(submitted, timeout=30_000)
    assert status.done, f"the job is still {status.state}"
    assert not status.error_message, status.error_message
    return sorted(ground.run(f"cat '{folder}/out'").decode().splitlines())


@SLURM
@pytest.mark.parametrize(
    ("settings", "script", "expected"),
    [
        ({"name": "a | name"}, "squeue -h -j $SLURM_JOB_ID -o %j", "a | name"),
        ({"queue_name": "short"}, "echo $SLURM_JOB_PARTITION", "short"),
        ({"max_runtime": 7}, "squeue -h -j $SLURM_JOB_ID -o %l", "7:00"),
        ({"max_memory": 123}, "squeue -h -j $SLURM_JOB_ID -o %m", "123M"),
        ({"cores_per_task": 3}, "echo $SLURM_CPUS_PER_TASK", "3"),
        ({"tasks": 4, "tasks_per_node": 4}, "echo $SLURM_NTASKS $SLURM_NTASKS_PER_NODE", "4 4"),
        ({"scheduler_arguments": ["--nice=7"]}, "squeue -h -j $SLURM_JOB_ID -O nice | xargs", "7"),
    ],
    ids=["name", "queue", "runtime", "memory", "cores", "tasks", "nice"],
)
def test_slurm_field(
    scheduler: xenon.Scheduler, ground: Ground, folder: xenon.Path, settings: dict[str, object], script: str, expected: str
) -> None:
    """Let Slurm know what a description asks for"""
    assert slurm_output(scheduler, ground, folder, script, **settings) == [expected]


@SLURM
def test_slurm_comment(scheduler: xenon.Scheduler, ground: Ground, folder: xenon.Path) -> None:
    """Keep the comment that a job is given, perhaps with a tag behind it"""
    comment = "a 'comment' | \"quoted\""
    settings = {"scheduler_arguments": [f"--comment={comment}"]}
    [found] = slurm_output(scheduler, ground, folder, "squeue -h -j $SLURM_JOB_ID -o %k", **settings)
    assert found.startswith(comment)


@SLURM
@pytest.mark.parametrize(("start_per_task", "lines"), [(False, 1), (True, 2)], ids=["once", "each"])
def test_slurm_tasks(scheduler: xenon.Scheduler, ground: Ground, folder: xenon.Path, start_per_task: bool, lines: int) -> None:
    """Start a program once, or once for each task"""
    found = slurm_output(scheduler, ground, folder, "echo task", tasks=2, tasks_per_node=2, start_per_task=start_per_task)
    assert found == ["task"] * lines


@SLURM
@pytest.mark.parametrize(
    "field",
    [{"temp_space": 2_000_000_000}, {"max_memory": 4_000_000}, {"scheduler_arguments": ["--nonsense"]}],
    ids=lambda one: next(iter(one)),
)
def test_slurm_refuses(scheduler: xenon.Scheduler, field: dict[str, object]) -> None:
    """Say so when Slurm refuses a job"""
    with refused(InvalidJobDescriptionException, UnsupportedJobDescriptionException, adaptor="slurm"):
        scheduler.submit_batch_job(shell("true", **field))


@SLURM
def test_slurm_start_time(scheduler: xenon.Scheduler, ground: Ground) -> None:
    """Let a job wait until its start time"""
    submitted = scheduler.submit_batch_job(shell("true", start_time="23:59 31.12.2037"))
    try:
        status = scheduler.get_job_status(submitted)
        assert not status.running and not status.done
        assert ground.run(f"squeue -h -j {submitted.id} -o %S").decode().strip() == "2037-12-31T23:59:00"
    finally:
        scheduler.cancel_job(submitted)
