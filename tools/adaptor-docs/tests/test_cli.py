"""The command: writes in one step, checks without writing, and says what went wrong."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pyxenon_adaptor_docs import cli, snapshot
from pyxenon_adaptor_docs.errors import TargetUnavailableError
from pyxenon_adaptor_docs.files import write_atomically

TEMPLATES = Path(__file__).parents[3] / "templates" / "docs"


@pytest.fixture
def arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts_data: dict[str, Any], embedded_data: dict[str, Any], words_text: str
) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("protos").mkdir()
    Path("protos/adaptors-embedded.json").write_text(json.dumps(embedded_data), "utf-8")
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, facts_data: dict[str, Any], embedded_data: dict[str, Any]) -> list[str]:
    """The targets that were asked, in place of which :func:`facts_data` and :func:`embedded_data` answer."""
    asked: list[str] = []

    def take(target: str) -> str:
        asked.append(target)
        return json.dumps(embedded_data if target == "embedded:" else facts_data) + "\n"

    monkeypatch.setattr(cli, "take_snapshot", take)
    monkeypatch.setattr(snapshot, "take_snapshot", take)
    return asked


def test_collect_asks_both_servers_or_the_one_that_is_named(arguments: list[str], asked: list[str], facts_data: dict[str, Any]) -> None:
    for path in ("protos/adaptors.json", "protos/adaptors-embedded.json"):
        Path(path).unlink()
    assert cli.main(["collect"]) == 0
    assert asked == ["embedded:", "java:"]
    assert json.loads(Path("protos/adaptors.json").read_text("utf-8")) == facts_data
    assert json.loads(Path("protos/adaptors-embedded.json").read_text("utf-8"))["schedulers"] == []
    Path("protos/adaptors-embedded.json").unlink()
    assert cli.main(["collect", "--target", "java:?home=/somewhere"]) == 0
    assert not Path("protos/adaptors-embedded.json").exists()
    assert cli.main(["collect", "--target", "grpc://localhost:1", "--output", "other.json"]) == 0
    assert asked[2:] == ["java:?home=/somewhere", "grpc://localhost:1"]
    assert Path("other.json").exists()


def test_a_target_without_a_snapshot_and_a_file_without_a_target_are_asked_about(
    arguments: list[str], asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["collect", "--target", "grpc://localhost:1"]) == 2
    assert "there is no snapshot for grpc://localhost:1; name the file with --output" in capsys.readouterr().err
    assert cli.main(["check", "--facts", "protos/adaptors.json"]) == 2
    assert "--facts is for one server; name it with --target" in capsys.readouterr().err
    assert asked == []


def test_check_tells_in_words_what_differs(
    arguments: list[str], asked: list[str], facts_data: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "embedded: has what protos/adaptors-embedded.json says: 1 file systems, 0 schedulers",
        "java: has what protos/adaptors.json says: 1 file systems, 1 schedulers",
    ]
    facts_data["schedulers"][0]["name"] = "loom"
    facts_data["filesystems"][0].update(can_append=False, supported_locations=["elsewhere", "robot[/shelf]"])
    assert cli.main(["check"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1:] == [
        "file system tape: only java: has the location 'elsewhere'",
        "file system tape: the flag 'can_append' is 'true' with protos/adaptors.json, and 'false' with java:",
        "scheduler abacus: only protos/adaptors.json has the adaptor 'abacus'",
        "scheduler loom: only java: has the adaptor 'loom'",
    ]
    assert "protos/adaptors.json is not up to date" in captured.err
    assert cli.main(["check", "--target", "embedded:"]) == 0


def test_a_target_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(target: str) -> str:
        raise TargetUnavailableError(target, "nobody answers")

    monkeypatch.setattr(cli, "take_snapshot", fail)
    assert cli.main(["collect", "--target", "grpc://localhost:1", "--output", "facts.json"]) == 2
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


@pytest.mark.parametrize("command", [["--help"], ["collect", "--help"], ["render", "--help"], ["check", "--help"]])
def test_help_names_the_exit_statuses(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(command)
    assert caught.value.code == 0
    assert "Exit status: 0" in capsys.readouterr().out
