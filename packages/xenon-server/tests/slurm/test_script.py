"""Batch scripts and options: every value of a job description reaches the program as it is, in each shell that may be ``/bin/sh``."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidJobDescriptionException, UnsupportedJobDescriptionException
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.job_script import directory_of
from pyxenon_server.schedulers.slurm.options import batch_options, begin_time, interactive_options, job_name
from pyxenon_server.schedulers.slurm.script import batch_script

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
NASTY = [
    "",
    " ",
    "'",
    '"',
    "\\",
    "$HOME",
    "`x`",
    "a\nb",
    "\r\n",
    "\r",
    "-n",
    "--",
    "*",
    "~",
    "!x",
    "é\u2028😀",
    "#SBATCH --hold",
    "\x81\x82\x83",
    "\x7f\x01",
]
KEPT_BY_SHELLS = ["IFS", "PWD", "OPTIND", "LINENO", "SHLVL", "PPID", "RANDOM", "SECONDS", "_", "xk_cr", "HISTSIZE", "UID", "BASHOPTS"]
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12))
file_names = texts.map(lambda text: text.replace("/", "_")).filter(lambda text: text not in ("", ".", "..") and len(text.encode()) < 200)
variables = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda name: f"V{name}"), st.sampled_from(["a.b", "UID", "x-y", "é"])
)


def run(shell: str, script: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    assert "\r\n" not in script  # which sbatch refuses
    words = [shell, "--posix"] if shell == "bash" else [shell]
    (folder / "script").write_bytes(script.encode())
    return subprocess.run([*words, folder / "script"], cwd=folder, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("shell", SHELLS)
@settings(deadline=None, max_examples=60)
@given(arguments=st.lists(texts, max_size=5), environment=st.dictionaries(variables, texts, max_size=3))
def test_arguments_and_environment(shell: str, arguments: list[str], environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "it's $a=b"
        program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" >arguments\ncat /proc/$$/environ >environment\n")
        program.chmod(0o755)
        done = run(shell, batch_script(JobDescription(f"./{program.name}", arguments, environment=environment), ""), Path(name))
        assert done.returncode == 0, done
        said = (Path(name) / "arguments").read_bytes()
        assert said == (b"".join(argument.encode() + b"\0" for argument in arguments) or b"\0")
        seen = (Path(name) / "environment").read_bytes().split(b"\0")
        assert {f"{key}={value}".encode() for key, value in environment.items()} <= set(seen)


@pytest.mark.parametrize("shell", SHELLS)
@settings(deadline=None, max_examples=40)
@given(stdin=file_names, stdout=file_names, stderr=file_names, directory=file_names)
def test_names_of_files_and_directories(shell: str, stdin: str, stdout: str, stderr: str, directory: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(os.fsdecode(os.fsencode(name) + b"/" + directory.encode()))
        place.mkdir()
        source = place / f"i{stdin}"
        source.write_text("input")
        names = {"stdin": f"i{stdin}", "stdout": f"o%{stdout}", "stderr": f"e%{stderr}"}
        description = JobDescription("sh", ["-c", "cat; echo wrong >&2"], working_directory=directory, **names)
        done = run(shell, batch_script(description, directory_of(description, name)), Path(name))
        assert done.returncode == 0, done
        assert (place / names["stdout"]).read_text() == "input"
        assert (place / names["stderr"]).read_text() == "wrong\n"


def test_a_directory_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    script = batch_script(JobDescription("true", working_directory="nowhere"), str(tmp_path / "nowhere"))
    done = run("sh", script, tmp_path)
    assert done.returncode == 1
    assert b"nowhere" in done.stderr


@pytest.mark.parametrize(("directory", "plain"), [("/home/me", True), ("/home/%j", False), ("/home/a\\b", False), ("/home/a b", False)])
def test_a_file_is_opened_by_slurm_only_where_its_whole_path_is_plain(directory: str, plain: bool) -> None:
    """Slurm replaces % and takes out backslashes in the directory, too."""
    description = JobDescription("true", stdout="out", stderr="/tmp/err", working_directory=directory)
    output = "--output=out" if plain else "--output=/dev/null"
    assert {output, "--error=/tmp/err"} < set(batch_options(description, directory, "xenon:1"))
    assert (" >out" in batch_script(description, directory)) is not plain
    assert "/tmp/err" not in batch_script(description, directory)


def test_both_outputs_in_one_file(tmp_path: Path) -> None:
    description = JobDescription("sh", ["-c", "echo a; echo b >&2; echo c"], stdout="both %", stderr="both %")
    run("sh", batch_script(description, ""), tmp_path)
    assert (tmp_path / "both %").read_text() == "a\nb\nc\n"


@pytest.mark.parametrize("program", ["-x", "a=b", "true", "-a=b"])
def test_a_program_of_an_odd_name(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / program).write_text('#!/bin/sh\nprintf %s "$1"\n')
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for environment in ({}, {"a.b": "c"}):
        assert run("sh", batch_script(JobDescription(program, ["x"], environment=environment), ""), tmp_path).stdout == b"x"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", KEPT_BY_SHELLS)
def test_a_variable_that_shells_keep_for_themselves(shell: str, name: str, tmp_path: Path) -> None:
    done = run(shell, batch_script(JobDescription("env", ["-0"], environment={name: "of mine"}), ""), tmp_path)
    assert f"{name}=of mine".encode() in done.stdout.split(b"\0")


def test_the_environment_is_in_no_argument(tmp_path: Path) -> None:
    script = batch_script(JobDescription("true", environment={"PASSWORD": "hush"}), "")
    assert [line for line in script.splitlines() if "hush" in line] == ["export PASSWORD=hush"]


def test_one_start_for_each_task() -> None:
    lines = batch_script(JobDescription("prog", ["a b"], tasks=4, cores_per_task=2, start_per_task=True), "").splitlines()
    assert lines[-1] == "exec srun --export=ALL --cpus-per-task=2 -- prog 'a b'"


def test_all_options() -> None:
    description = JobDescription(
        "prog",
        name="my | job",
        queue_name="short",
        max_runtime=90,
        max_memory=512,
        temp_space=7,
        tasks=4,
        cores_per_task=2,
        tasks_per_node=3,
        start_time="12:30",
        stdout="out.txt",
        stderr="er r",
        scheduler_arguments=["--array=1-3", "-C gpu", "--exclusive"],
    )
    assert batch_options(description, "/work", "xenon:1") == [
        "--chdir=/work",
        "--job-name=my | job",
        "--partition=short",
        "--time=90",
        "--mem=512M",
        "--tmp=7M",
        "--ntasks=4",
        "--cpus-per-task=2",
        "--ntasks-per-node=3",
        "--begin=12:30",
        "--output=out.txt",
        "--error=/dev/null",
        "--array=1-3",
        "-C",
        "gpu",
        "--exclusive",
        "--comment=xenon:1",
    ]


def test_few_options() -> None:
    assert batch_options(JobDescription("prog"), "", "xenon:1") == ["--output=/dev/null", "--error=/dev/null", "--comment=xenon:1"]
    assert interactive_options(JobDescription("prog"), "", "xenon:1") == ["--comment=xenon:1"]


@pytest.mark.parametrize("given", [["--comment=for me"], ["--comment", "for me"], ["--comment for me"], ["--comm=for me"]])
def test_a_comment_is_joined_with_the_tag(given: list[str]) -> None:
    description = JobDescription("prog", scheduler_arguments=[*given, "-H"])
    assert batch_options(description, "", "xenon:1")[2:] == ["-H", "--comment=for me xenon:1"]


CUT_SHORT_OR_RUN_TOGETHER = ["-QW", "-HMother", "-vQh", "--wra=ls", "--test", "--hel", "--vers", "--clust=a"]


@pytest.mark.parametrize(
    "given", ["-Mother", "--clusters=a", "--wait", "-W", "--wrap=ls", "--test-only", "--", "-", "other", *CUT_SHORT_OR_RUN_TOGETHER]
)
def test_what_cannot_be_passed_on(given: str) -> None:
    with pytest.raises(UnsupportedJobDescriptionException, match=given) as caught:
        batch_options(JobDescription("prog", scheduler_arguments=[given]), "", "xenon:1")
    assert "Leave it out" in caught.value.hint


@pytest.mark.parametrize(
    "given", [["--exclusive", "other"], ["-Q", "other"], ["-n4", "other"], ["--mem=1G", "other"], ["-n", "4", "other"]]
)
def test_a_word_that_would_be_run_in_the_place_of_the_program(given: list[str]) -> None:
    with pytest.raises(UnsupportedJobDescriptionException, match="other"):
        batch_options(JobDescription("prog", scheduler_arguments=given), "", "xenon:1")


def test_options_and_their_values_are_passed_on() -> None:
    given = [
        "-n",
        "4",
        "-N2",
        "--mem",
        "1G",
        "-QH",
        "--exclusive",
        "--wait-all-nodes=1",
        "--cluster-constraint=a",
        "-J",
        "a name",
        "--gres=x",
    ]
    options = batch_options(JobDescription("prog", scheduler_arguments=given), "", "xenon:1")
    assert options[2:] == [*given, "--comment=xenon:1"]


@pytest.mark.parametrize(
    "given", [["-J", "mine"], ["-Jmine"], ["-HJ", "mine"], ["--job-name=mine"], ["--job", "mine"], ["-J mine"], ["-Jx", "-Jmine"]]
)
def test_the_name_that_a_job_has_in_slurm(given: list[str]) -> None:
    assert job_name(JobDescription("prog", name="other", scheduler_arguments=given), "sbatch") == "mine"
    assert job_name(JobDescription("prog", name="other"), "sbatch") == "other"
    assert job_name(JobDescription("prog", scheduler_arguments=["-H"]), "sbatch") == "sbatch"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("now", "now"), ("09:05", "09:05"), ("23:59 31.12", "12/31-23:59"), ("00:00 01.02.2030", "2030-02-01T00:00")],
)
def test_start_times(text: str, expected: str) -> None:
    assert begin_time(text) == expected


@pytest.mark.parametrize("text", ["24:00", "9:5", "12:00 32.01", "12:00 01.13", "tomorrow", "12:00\n", "12:00 1.2.30"])
def test_start_times_that_are_none(text: str) -> None:
    with pytest.raises(InvalidJobDescriptionException, match="start_time"):
        begin_time(text)


def test_directories() -> None:
    assert directory_of(JobDescription("x"), "/home/me") == "/home/me"
    assert directory_of(JobDescription("x", working_directory="sub"), "/home/me") == "/home/me/sub"
    assert directory_of(JobDescription("x", working_directory="/abs"), "/home/me") == "/abs"
