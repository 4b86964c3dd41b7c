"""What is known to fail is told from what is not: a suite with known failures and races, run as one of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

KNOWN = """
[races]
ssh = ["channel already closed"]

[ssh]
queue = "no such queue"
"job[big]" = "too big"
"""
# The name of a test, its parameters, the words with which it fails, and how it has to end.
TESTS = [
    ("queue", "ssh-java", "there is no such queue", "xfailed"),
    ("queue", "ssh-java", "something else", "failed"),
    ("queue", "ssh-java", "", "failed"),
    ("queue", "sftp-java", "there is no such queue", "failed"),
    ("queue", "ssh-embedded", "there is no such queue", "failed"),
    ("queue", "ssh-embedded", "", "passed"),
    ("job", "ssh-java-big", "too big", "xfailed"),
    ("job", "ssh-java-small", "too big", "failed"),
    ("other", "ssh-java", "there is no such queue", "failed"),
    ("other", "ssh-java", "", "passed"),
    ("other", "ssh-java", "the channel already closed, alas", "xfailed"),
    ("other", "ssh-java", "the channel was closed", "failed"),
    ("other", "sftp-java", "the channel already closed, alas", "failed"),
    ("other", "ssh-tls", "the channel already closed, alas", "failed"),
]
SUITE = """
import pytest

@pytest.mark.parametrize(("adaptor", "server", "case"), [{parameters!r}])
def test_{name}(adaptor, server, case):
    assert not {words!r}, {words!r}
"""


def test_only_what_is_known_is_expected(pytester: pytest.Pytester) -> None:
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    (pytester.path / "known_failures.toml").write_text(KNOWN, encoding="utf-8")
    for number, (name, parameters, words, _) in enumerate(TESTS):
        suite = SUITE.format(name=name, parameters=tuple(f"{parameters}-none".split("-")[:3]), words=words)
        (pytester.path / f"test_{number:02}.py").write_text(suite, encoding="utf-8")
    ran = pytester.inline_run("-p", "no:cacheprovider")
    reports = [report for report in ran.getreports("pytest_runtest_logreport") if report.when == "call"]
    assert [ended(report) for report in reports] == [expected for *_, expected in TESTS]


def ended(report: pytest.TestReport) -> str:
    return "xfailed" if report.skipped and hasattr(report, "wasxfail") else report.outcome
