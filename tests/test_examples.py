"""Every example, run for real the way its reader would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SECONDS = 120

# What each program prints, as a regular expression for each line: what it says in the server's own words may change.
BATCH_JOB = """\
DONE, exit code 0
lines: 5
"""
INTERACTIVE_JOB = r"""1 \+ 2 = 3
3 \+ 4 \+ 5 = 12
it said: no more sums
"""
COPY_FILES = r"""DONE, no error
backup/2026
backup/2026/july\.csv \(196 bytes\)
backup/readme\.txt \(13 bytes\)
"""
ASYNCHRONOUS = """\
quick: exit code 0
middling: exit code 0
slow: exit code 0
all well
"""
ERRORS = r"""what was tried: get_attributes '/no/such/file'
why it failed:  \S.*
what to try:    Check the spelling, .*
gRPC status:    NOT_FOUND
all in one:     create 'gopher' failed: .*'gopher'.* Ask the server for its adaptor names, and use one of them\.
a job's status: ERROR XENON
"""
OUTPUT = {
    "asynchronous.py": ASYNCHRONOUS,
    "batch_job.py": BATCH_JOB,
    "copy_files.py": COPY_FILES,
    "errors.py": ERRORS,
    "interactive_job.py": INTERACTIVE_JOB,
}


def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "error", **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)


@pytest.mark.parametrize("name", OUTPUT)
def test_an_example_prints_what_it_promises(name: str) -> None:
    result = run(name)
    assert (result.returncode, result.stderr) == (0, "")
    printed, expected = result.stdout.splitlines(), OUTPUT[name].splitlines()
    assert len(printed) == len(expected), result.stdout
    assert [line for line, pattern in zip(printed, expected, strict=True) if not re.fullmatch(pattern, line.rstrip())] == []


def test_every_example_is_tested_listed_and_short() -> None:
    programs = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    index = (EXAMPLES / "README.md").read_text()
    assert set(programs) == {*OUTPUT, "demo.py", "slurm_job.py"}  # which the tests of the quick start run
    assert [name for name in programs if f"[`{name}`]({name})" not in index] == []
    assert [name for name in programs if name != "demo.py" and len(programs[name].splitlines()) >= 40] == []


@pytest.mark.parametrize(
    "options", [pytest.param((), id="embedded"), pytest.param(("--target", "java:"), id="java", marks=pytest.mark.java)]
)
def test_the_demo_checks_every_step_and_leaves_nothing_behind(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run("demo.py", *options, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[-1] == "8 of 8 checks held."
    assert [line for line in lines if line.startswith("stdin")] == ["stdin  Uryyb, jbeyq!", "stdin  How are you?", "stdin  Tbbqolr."]
    answers = [line.partition("  (")[0] for line in lines if line.startswith("stdout")]
    assert answers == ["stdout  42", "stdout  Hello, world!", "stdout  Ubj ner lbh?", "stdout  Goodbye."]
    assert [line for line in lines if line.startswith("stderr")] == [f"stderr  line {n} turned by 13 letters" for n in (1, 2, 3)]
    assert "\033" not in result.stdout
    assert [line for line in lines if len(line) > 78 and not line.startswith("folder")] == []
    assert list(tmp_path.iterdir()) == []


def test_the_demo_tells_a_check_that_fails(tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.py"
    spoilt.write_text((EXAMPLES / "demo.py").read_text().replace('"Hello, world!"', '"Hello, moon!"'))
    result = run(str(spoilt))
    assert result.returncode == 1
    assert "FAILED  three lines in, three lines out, in lock-step: expected ['Hello, moon!'" in result.stdout
    assert "7 of 8 checks held." in result.stdout


def test_the_demo_says_why_it_cannot_begin(tmp_path: Path) -> None:
    result = run("demo.py", XENON_TARGET="java:", XENON_JAVA=str(tmp_path / "java"))
    assert result.returncode == 1
    assert "The demo cannot go on: cannot run" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a single process")
def test_an_interrupt_ends_the_demo_tidily(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "demo.py")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while "server" not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to all of its programs
        _, complaints = process.communicate(timeout=SECONDS)
    assert (process.returncode, complaints) == (130, "\nInterrupted. The demo's files are removed, and its jobs have ended.\n")
    assert list(tmp_path.iterdir()) == []
