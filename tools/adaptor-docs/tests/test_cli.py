"""The command: writes in one step, checks without writing, and says what went wrong."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from adaptor_docs import cli
from adaptor_docs.errors import TargetUnavailableError
from adaptor_docs.files import write_atomically

TEMPLATES = Path(__file__).parents[3] / "templates" / "docs"


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts_data: dict[str, Any], words_text: str) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("protos").mkdir()
    Path("protos/adaptors.json").write_text(json.dumps(facts_data), "utf-8")
    Path("protos/adaptors.toml").write_text(words_text, "utf-8")
    return ["render", "--templates", str(TEMPLATES)]


def test_render_writes_and_then_finds_nothing_to_do(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "docs/adaptors.rst: written\n"
    assert "tape: tapes in a robot" in Path("docs/adaptors.rst").read_text("utf-8")
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "docs/adaptors.rst: was up to date\n"
    assert [each.name for each in Path("docs").iterdir()] == ["adaptors.rst"]


def test_check_prints_a_diff_and_writes_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(arguments)
    page = Path("docs/adaptors.rst")
    old = page.read_text("utf-8").replace("Tapes are slow.", "Tapes are fast.")
    page.write_text(old, "utf-8")
    capsys.readouterr()
    assert cli.main([*arguments, "--check"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("--- docs/adaptors.rst\n+++ docs/adaptors.rst (as it should be)\n@@")
    assert "\n-- Tapes are fast.\n+- Tapes are slow.\n" in captured.out
    assert "without --check" in captured.err
    assert page.read_text("utf-8") == old


def test_check_of_a_missing_page_fails_and_of_a_fresh_one_passes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*arguments, "--check"]) == 1
    assert not Path("docs").exists()
    cli.main(arguments)
    capsys.readouterr()
    assert cli.main([*arguments, "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_missing_words_are_named_and_nothing_is_written(arguments: list[str], words_text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("protos/adaptors.toml").write_text(words_text.replace('title = "beads"', ""), "utf-8")
    assert cli.main(arguments) == 2
    assert "schedulers.abacus.title is missing" in capsys.readouterr().err
    assert not Path("docs").exists()


def test_a_missing_template_says_where_to_look(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", "--templates", "nowhere"]) == 2
    assert "--templates" in capsys.readouterr().err


def test_snapshot_writes_and_checks_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "adaptors.json"
    asked: list[str] = []

    def take(target: str) -> str:
        asked.append(target)
        return "{}\n"

    monkeypatch.setattr(cli, "take_snapshot", take)
    assert cli.main(["snapshot", "--output", str(output)]) == 0
    assert output.read_text("utf-8") == "{}\n"
    output.write_text("{ }\n", "utf-8")
    assert cli.main(["snapshot", "--target", "embedded:", "--output", str(output), "--check"]) == 1
    assert "-{ }\n+{}\n" in capsys.readouterr().out
    assert asked == ["java:", "embedded:"]


def test_a_target_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(target: str) -> str:
        raise TargetUnavailableError(target, "nobody answers")

    monkeypatch.setattr(cli, "take_snapshot", fail)
    assert cli.main(["snapshot", "--target", "grpc://localhost:1"]) == 2
    assert "cannot ask grpc://localhost:1 for its adaptors: nobody answers" in capsys.readouterr().err


def test_writing_keeps_the_mode_of_the_file_and_leaves_nothing_behind_on_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.rst"
    path.write_text("old", "utf-8")
    path.chmod(0o640)
    assert write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def refuse(source: Path, destination: Path) -> None:
        raise PermissionError(13, "Permission denied", str(destination))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(path, "newer")
    assert path.read_text("utf-8") == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["page.rst"]


@pytest.mark.parametrize("command", [["--help"], ["snapshot", "--help"], ["render", "--help"]])
def test_help_names_the_exit_statuses(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(command)
    assert caught.value.code == 0
    assert "Exit status: 0" in capsys.readouterr().out
