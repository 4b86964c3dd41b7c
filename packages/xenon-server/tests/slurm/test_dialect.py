"""Slurm's dialect: text in, text out, without a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.errors import IOException, PermissionDeniedException
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.arrays import ArraySpec
from pyxenon_server.schedulers.batch.dialect import Dialect, Site, Verdict
from pyxenon_server.schedulers.slurm.dialect import SlurmDialect

SLURM = SlurmDialect(Site(user="1000", home="/home/me"))
CONFIGURATION = """ClusterName             = c1
AccountingStorageType   = accounting_storage/slurmdbd
MessageTimeout          = 20 sec
MinJobAge               = 2 sec
SLURM_VERSION           = 24.11.5
"""


@pytest.mark.parametrize(
    ("spec", "option"),
    [
        (ArraySpec(0, 9), "--array=0-9"),
        (ArraySpec(1, 1), "--array=1-1"),
        (ArraySpec(1, 9, step=2), "--array=1-9:2"),
        (ArraySpec(1, 1000, at_once=50), "--array=1-1000%50"),
        (ArraySpec(5, 20, step=5, at_once=2), "--array=5-20:5%2"),
    ],
)
def test_arrays(spec: ArraySpec, option: str) -> None:
    assert SLURM.array(spec) == [option]


@pytest.mark.parametrize(
    "numbers",
    [{"first": -1, "last": 3}, {"first": 3, "last": 2}, {"first": 0, "last": 1, "step": 0}, {"first": 0, "last": 1, "at_once": -1}],
)
def test_arrays_that_cannot_be(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="invalid array"):
        ArraySpec(**numbers)


@pytest.mark.parametrize(
    ("jobs", "options"),
    [([], []), (["5"], ["--dependency=afterok:5"]), (["5", "8_1", "13"], ["--dependency=afterok:5:8_1:13"])],
)
def test_dependencies(jobs: list[str], options: list[str]) -> None:
    assert SLURM.dependency(jobs) == options


def test_what_a_place_is() -> None:
    found: Dialect = SlurmDialect().parse_probe(CONFIGURATION, "1000", "/home/me")
    assert found.site == Site("1000", "/home/me", "24.11.5", has_history=True, seconds_kept=2.0, seconds_for_an_answer=20.0)


@pytest.mark.parametrize(
    ("job", "parts"),
    [("5", ("5", "")), ("5_12", ("5", "12")), ("5_", None), ("", None), ("5;rm", None), ("a", None), ("-1", None), ("\uff15", None)],
)
def test_ids(job: str, parts: tuple[str, str] | None) -> None:
    assert SLURM.parse_id(job) == parts


@pytest.mark.parametrize(
    ("printed", "job"),
    [("17\n", "17"), ("17;far\n", "17"), ("42 days left\n17\n", "17"), ("thank you\n", ""), ("", ""), ("\uff11\uff17\n", "")],
)
def test_the_id_of_a_submitted_job(printed: str, job: str) -> None:
    assert SLURM.job_id(printed, "sbatch: careful\n") == job


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), max_size=4))
def test_a_submission_is_one_command_and_its_script(options: list[str]) -> None:
    text = SLURM.submit_script(options, "#!/bin/sh\nexec true\n", "xtoken")
    assert text.startswith("sbatch --parsable ")
    assert text.endswith(" <<'xtoken'\n#!/bin/sh\nexec true\nxtoken\n")


def test_queries_cost_little() -> None:
    assert " -j 5 " in SLURM.query("x", ["5"], own=True)
    assert " -u 1000 -j 5,6 " in SLURM.query("x", ["5", "6"], own=True)
    assert " -t all -j 5,6 " in SLURM.query("x", ["5", "6"], own=False)
    many = [str(number) for number in range(2001)]
    assert " -t all -u 1000 -O " in SLURM.query("x", many, own=True)
    assert " -u 1000 " in SLURM.lookup("x", ["xenon:1"])
    assert " -j 5,6 " in SLURM.history("x", ["5", "6"])
    assert ' -u 1000 -S "$(date -d @7 ' in SLURM.history_since("x", 7.9)


@pytest.mark.parametrize(
    ("stderr", "verdict"),
    [
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", Verdict.UNSENT),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", Verdict.AWAY),
        ("sbatch: error: invalid partition specified: nope\nsbatch: error: Invalid partition name specified", Verdict.NO_QUEUE),
        ("slurm_load_jobs error: Invalid job id specified", Verdict.NO_JOB),
        ("sbatch: error: Batch job submission failed: Access/permission denied", Verdict.REFUSED),
        ("", Verdict.REFUSED),
    ],
)
def test_failures(stderr: str, verdict: Verdict) -> None:
    assert SLURM.classify(1, "", stderr) is verdict
    assert verdict.is_away is (verdict in (Verdict.UNSENT, Verdict.AWAY))


def test_cancelling() -> None:
    assert SLURM.cancel(["5", "8_1"]) == "scancel 5 8_1"
    said = "scancel: error: Kill job error on job id 5: Access/permission denied\nscancel: error: Kill job error on job id 8_1: Nonsense\n"
    errors = SLURM.parse_cancel(said + "scancel: error: Kill job error on job id 9: Socket timed out on send/recv operation\n")
    assert {job: type(error) for job, error in errors.items()} == {"5": PermissionDeniedException, "8_1": IOException}


def test_an_interactive_job_runs_in_one_task_or_in_all() -> None:
    alone, every = SLURM.interactive_lines("xmark", every_task=False), SLURM.interactive_lines("xmark", every_task=True)
    assert alone[0] == every[0]
    assert "xmark ${SLURM_JOB_ID}" in every[0]
    assert (len(alone), len(every)) == (2, 1)
    assert SLURM.interactive(["-n2"], ["sh", "-c", "a b"]).endswith("exec srun --quiet --unbuffered -n2 -- sh -c 'a b'")


def test_names_that_a_job_has_without_one() -> None:
    description = JobDescription("prog")
    assert (SLURM.job_name(description, interactive=False), SLURM.job_name(description, interactive=True)) == ("sbatch", "sh")
    assert SLURM.job_name(JobDescription("prog", name="mine"), interactive=True) == "mine"


def test_queues_and_jobs_in_them() -> None:
    assert SLURM.jobs_in(["a b", "c"]) == "squeue -h -a -p 'a b,c' -o '%F'"
    assert SLURM.parse_jobs_in("5\n5\nCLUSTER: far\n8\n") == ["5", "8"]
    states = SLURM.parse_queue_states("main|up|1:00|n/a|2|0/2/0/2|0/4/0/4|n[1-2]xend\nCLUSTER: far\n", "xend")
    assert {name: (it["AVAIL"], it["NODELIST"]) for name, it in states.items()} == {"main": ("up", "n[1-2]")}
