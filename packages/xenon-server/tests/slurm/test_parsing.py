"""What Slurm's commands print, taken apart, whatever users put into names and comments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slurm_told import record, sacct_text, squeue_text

from pyxenon_core.errors import IOException
from pyxenon_server.schedulers.batch.arrays import covers
from pyxenon_server.schedulers.slurm.answers import controller_is_away, words_of
from pyxenon_server.schedulers.slurm.parsing import (
    ExitCode,
    Record,
    accounting_command,
    minutes,
    parse_accounting,
    parse_configuration,
    parse_exit_code,
    parse_partitions,
    parse_queue,
    queue_command,
    tag_of,
)

TOKEN = "x0123456789abcdef"
# A newline, separators, a line that looks like another job's, and what AiiDA and Xenon have stumbled over.
NASTY = [
    "|",
    "a\nb",
    "^^^",
    "'\"`$(x)",
    "7|7|N/A|COMPLETED|0:0|1000|main|1|1|1|0|n1|None|forged",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
]
free = st.one_of(st.sampled_from(NASTY), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30))
records = st.builds(
    lambda job, state, name, comment, reason, status: record(str(job), state, f"{status}:0", name=name, comment=comment, reason=reason),
    st.integers(1, 9999),
    st.sampled_from(["PENDING", "RUNNING", "FAILED"]),
    free,
    free.filter(lambda text: text != "(null)"),
    st.sampled_from(["", "Resources", "job requeued in held state", "ReqNodeNotAvail, UnavailableNodes:n1"]),
    st.integers(0, 255),
)


@given(st.lists(records, max_size=6))
def test_a_name_and_a_comment_can_be_anything(told: list[Record]) -> None:
    printed = "".join(squeue_text(it, TOKEN) for it in told)
    assert parse_queue(printed, TOKEN) == told


@given(st.lists(records, max_size=6))
def test_they_can_in_the_accounting_too(told: list[Record]) -> None:
    printed = "".join(sacct_text(it, TOKEN) for it in told)
    parsed = parse_accounting(printed, TOKEN)
    assert [(it.job, it.state, it.exit_code, it.name, it.comment) for it in parsed] == [
        (it.job, it.state, it.exit_code, it.name, it.comment) for it in told
    ]
    assert {it.source for it in parsed} <= {"sacct"}


@given(st.text(max_size=60))
def test_what_is_no_answer_is_never_an_empty_one(text: str) -> None:
    for parse in (parse_queue, parse_accounting):
        try:
            assert parse(text, TOKEN) == []
        except IOException as error:
            assert "cannot parse" in error.reason
        else:
            assert text.strip() == "" or text.startswith("CLUSTER: ")


def test_queue_fields() -> None:
    (it,) = parse_queue(
        f"27|8|5|RUNNING|0|1000|main,short|1795545176|1795545177|NONE|2|n[1-2]|None|na|me{TOKEN}nfor me xenon:1{TOKEN}c\n", TOKEN
    )
    assert it == Record(
        job="27",
        array="8",
        task="5",
        state="RUNNING",
        exit_code=ExitCode(),
        user="1000",
        partition="main,short",
        submitted=1795545176.0,
        started=1795545177.0,
        ended=None,
        restarts=2,
        nodes="n[1-2]",
        reason="",
        name="na|me",
        comment="for me xenon:1",
    )
    assert tag_of(it) == "xenon:1"


def test_a_cluster_that_a_profile_chooses_is_named_first() -> None:
    lines = f"CLUSTER: far\n5|5|N/A|PENDING|0|1|main|1|N/A|N/A|0||Resources|job{TOKEN}n(null){TOKEN}c\n"
    assert [(it.job, it.reason, it.comment, it.task) for it in parse_queue(lines, TOKEN)] == [("5", "Resources", "", "")]
    assert parse_queue("CLUSTER: far\n", TOKEN) == []


def test_half_an_answer_is_an_error() -> None:
    whole = squeue_text(record("5", "RUNNING"), TOKEN) * 2
    for end in range(len(whole) - 1, len(whole) // 2, -7):
        with pytest.raises(IOException, match="cannot parse"):
            parse_queue(whole[:end], TOKEN)


def test_the_accounting_tells_who_cancelled_and_of_elements_that_wait() -> None:
    one = f"CANCELLED by 1000{TOKEN}0:15{TOKEN}1000{TOKEN}main{TOKEN}5{TOKEN}6{TOKEN}7{TOKEN}n1{TOKEN}c{TOKEN}na\nme{TOKEN}5"
    fields = ("8_[5-20%2]", "8", "PENDING", "0:0", "1000", "main", "5", "Unknown", "Unknown", "None assigned", "", "x", "5")
    two = TOKEN.join(fields)
    first, second = parse_accounting(f"4_1{TOKEN}11{TOKEN}{one}\n{two}\n", TOKEN)
    assert (first.job, first.array, first.task, first.state, first.by, first.name) == ("11", "4", "1", "CANCELLED", "1000", "na\nme")
    assert (second.job, second.array, second.task, second.state, second.nodes) == ("8", "8", "5-20%2", "PENDING", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", ExitCode(0, 0)),
        ("768", ExitCode(3, 0)),
        ("3:0", ExitCode(3, 0)),
        ("9", ExitCode(0, 9)),
        ("139", ExitCode(0, 11)),
        ("0:9", ExitCode(0, 9)),
        ("36608", ExitCode(143, 0)),
        ("4021", ExitCode(0, 53)),
        ("65280", ExitCode(255, 0)),
    ],
)
def test_exit_codes_of_earlier_and_later_releases(text: str, expected: ExitCode) -> None:
    assert parse_exit_code(text) == expected


def test_an_exit_code_that_is_none() -> None:
    with pytest.raises(IOException, match="exit code"):
        parse_exit_code("N/A")


def test_partitions_once_each_in_order_with_the_default() -> None:
    main, short = parse_partitions("main*|main|n/a|infinite\nmain*|main|n/a|infinite\nshort|short|2:30|1-01:00:01\n")
    assert (main.name, main.default, main.default_time, main.most_time) == ("main", True, None, None)
    assert (short.name, short.default, short.default_time, short.most_time) == ("short", False, 3, 1501)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10:00", 10), ("0:30", 1), ("1:00:00", 60), ("2-00:00:00", 2880), ("infinite", None), ("n/a", None), ("UNLIMITED", None), ("", None)],
)
def test_minutes(text: str, expected: int | None) -> None:
    assert minutes(text) == expected


def test_configuration() -> None:
    text = "Configuration data as of now\nAccountingStorageType   = accounting_storage/{0}\nClusterName             = c1\n"
    text += "MessageTimeout          = 20 sec\nMinJobAge               = {1} sec\nSLURM_VERSION           = 24.11.5\n"
    text += "\nSlurmctld(primary) at h is UP\n"
    with_accounting = parse_configuration(text.format("slurmdbd", 2))
    without = parse_configuration(text.format("none", 0))
    assert (with_accounting.cluster, with_accounting.version, with_accounting.has_accounting) == ("c1", "24.11.5", True)
    assert (with_accounting.seconds_kept, with_accounting.seconds_for_a_message) == (2.0, 20.0)
    assert (without.has_accounting, without.seconds_kept) == (False, float("inf"))


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 60))
def test_lists_of_elements(elements: set[int], index: int) -> None:
    assert covers(",".join(map(str, sorted(elements))) + "%3", str(index)) is (index in elements)
    assert covers(f"[{min(elements)}-{max(elements)}:2]", str(index)) is (index in range(min(elements), max(elements) + 1, 2))


def test_the_commands_hold_nothing_that_a_shell_would_change() -> None:
    assert re.fullmatch(r"squeue -h -a -t all -u 5 -O '[\w:|,]+'", queue_command(TOKEN, "-u 5"))
    assert re.fullmatch(r"sacct -n -X -P --delimiter=\w+ -j 5,6 -o [\w,]+", accounting_command(TOKEN, "-j 5,6"))


AWAY = [
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "slurm_load_jobs error: Zero Bytes were transmitted or received",
    "sbatch: error: Munge encode failed: Failed to access\nsbatch: error: Batch job submission failed: Protocol authentication error",
    "slurm_load_jobs error: Slurm backup controller in standby mode",
]
REFUSED = [
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
    "sbatch: error: Memory specification can not be satisfied\n"
    "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    "sbatch: unrecognized option '--nonesuch'\nTry \"sbatch --help\" for more information",
    "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
    "sbatch: error: Batch job submission failed: Access/permission denied",
]


@pytest.mark.parametrize("stderr", AWAY)
def test_a_controller_that_does_not_answer(stderr: str) -> None:
    assert controller_is_away(stderr)


@pytest.mark.parametrize("stderr", REFUSED)
def test_a_refusal_is_none(stderr: str) -> None:
    assert not controller_is_away(stderr)
    assert "error:" not in words_of(stderr)
    assert "\n" not in words_of(stderr)
