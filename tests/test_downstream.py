"""A program of a user, outside the repository: both type checkers pass it, both find each mistake, and it runs on the real server."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import xenon
from pyxenon_testing import ScratchScheduler

PROGRAM = Path(__file__).parent / "downstream"
SECONDS = 150
Checker = Callable[..., "dict[tuple[str, int], str]"]
MYPY_LINE = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+): error: (?P<words>.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program and the mistakes in a directory of their own, with none of this repository's configuration."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROGRAM / "nightly", folder / "nightly")
    shutil.copyfile(PROGRAM / "mistakes.py.txt", folder / "mistakes.py")
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict", "pythonVersion": "3.11"}))
    (folder / "mypy.ini").write_text("[mypy]\nstrict = true\npython_version = 3.11\n")
    return folder


@pytest.fixture
def nightly(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The program, imported."""
    monkeypatch.syspath_prepend(str(project))
    yield importlib.import_module("nightly")
    for name in [name for name in sys.modules if name.partition(".")[0] == "nightly"]:
        del sys.modules[name]


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, timeout=SECONDS, check=False)


def mypy_errors(project: Path, *paths: str) -> dict[tuple[str, int], str]:
    output = run(project, "mypy", *paths).stdout
    errors = {(match["file"], int(match["line"])): match["words"] for match in MYPY_LINE.finditer(output)}
    assert errors or output.startswith("Success: no issues found in "), output
    return errors


def pyright_errors(project: Path, *paths: str) -> dict[tuple[str, int], str]:
    output = run(project, "pyright", "--outputjson", "--pythonpath", sys.executable, *paths).stdout
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] > 0, output
    found = [diagnostic for diagnostic in report["generalDiagnostics"] if diagnostic["severity"] == "error"]
    return {(Path(error["file"]).name, error["range"]["start"]["line"] + 1): error["message"] for error in found}


def marked_lines() -> dict[tuple[str, int], str]:
    lines = (PROGRAM / "mistakes.py.txt").read_text().splitlines()
    marks = {number: line.partition("# mistake: ")[2] for number, line in enumerate(lines, 1)}
    marked = {("mistakes.py", number): mark for number, mark in marks.items() if mark}
    assert len(marked) > 20
    return marked


@pytest.mark.parametrize("errors", [mypy_errors, pyright_errors])
def test_the_program_passes(project: Path, errors: Checker) -> None:
    assert errors(project, "nightly") == {}


@pytest.mark.parametrize("errors", [mypy_errors, pyright_errors])
def test_exactly_the_mistakes_are_found(project: Path, errors: Checker) -> None:
    found, marked = errors(project, "mistakes.py"), marked_lines()
    assert {place: mark for place, mark in marked.items() if place not in found} == {}
    assert {place: words for place, words in found.items() if place not in marked} == {}


def test_the_program_runs(nightly: ModuleType, xenon_scheduler: ScratchScheduler, xenon_server: xenon.Session) -> None:
    scheduler, filesystem, folder = xenon_scheduler.scheduler, xenon_scheduler.filesystem, xenon_scheduler.directory / "night"
    reduction = nightly.reduce_remotely(filesystem, scheduler, folder, [1, 2, 3, 6])
    assert reduction == nightly.Reduction(mean=3.0, result=folder / "kept", size=4)
    with pytest.raises(xenon.XenonError, match=f"the night in '{folder}' was reduced before"):
        nightly.reduce_remotely(filesystem, scheduler, folder, [1])
    overview = asyncio.run(nightly.survey(xenon_server.target, folder))
    assert overview.names == ["kept", "mean", "numbers"]
    assert overview.queues == {"single": "well", "multi": "well", "unlimited": "well"}
    assert nightly.forget(filesystem, folder)
    assert not nightly.forget(filesystem, folder)


def test_a_job_that_fails_is_the_programs_own_error(nightly: ModuleType, xenon_scheduler: ScratchScheduler) -> None:
    with pytest.raises(RuntimeError, match="ended DONE"):
        nightly.run_job(xenon_scheduler.scheduler, xenon.JobDescription(executable="false"))


def test_the_credentials_keep_their_secrets(nightly: ModuleType) -> None:
    credentials = nightly.credentials("ada")
    assert sorted(credentials.entries) == ["gateway", "store"]
    assert credentials.entries["store"].password_credential.password == "only an example"
    assert "only an example" not in repr(credentials)
