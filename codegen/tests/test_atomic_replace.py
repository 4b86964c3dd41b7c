"""Files are replaced all together or not at all: when writing fails, at an interrupt, and when the process is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyxenon_codegen.atomic_replace import JOURNAL, differing, recover, replace_files
from pyxenon_codegen.cli import main
from pyxenon_codegen.errors import CodegenError

BEFORE = {"a.txt": "a", "deep/b.txt": "b", "deep/c.txt": "c"}
WANTED = {"a.txt": "A", "deep/b.txt": None, "new/d.txt": "D", "deep/c.txt": "C"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in BEFORE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def contents(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*")) if path.is_file()}


def test_all_of_it_is_replaced(root: Path) -> None:
    assert differing(root, {**WANTED, "deep/c.txt": "c", "never.txt": None}) == {
        name: WANTED[name] for name in ("a.txt", "deep/b.txt", "new/d.txt")
    }
    replace_files(root, WANTED)
    assert contents(root) == {"a.txt": "A", "deep/c.txt": "C", "new/d.txt": "D"}


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_when_one_cannot_be_written_nothing_has_changed(root: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    write = Path.write_text

    def fail(path: Path, text: str, **options: str) -> int:
        if text == "D":
            raise error
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(type(error)):
        replace_files(root, WANTED)
    assert contents(root) == BEFORE


PROGRAM = """
import os, signal, sys
from pathlib import Path
from pyxenon_codegen import atomic_replace
replace, left = Path.replace, int(sys.argv[2])
def dying(path, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)
Path.replace = dying
atomic_replace.replace_files(Path(sys.argv[1]), {wanted})
"""


@pytest.mark.parametrize("steps", range(4))
def test_what_a_killed_process_leaves_is_undone(root: Path, steps: int) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("{wanted}", repr(WANTED)), str(root), str(steps)]
    done = subprocess.run(command, env={**os.environ}, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (root / JOURNAL).is_dir()
    with pytest.raises(CodegenError, match="was interrupted"):
        replace_files(root, WANTED)
    assert recover(root)
    assert {name: text for name, text in contents(root).items() if not name.endswith(".new")} == BEFORE
    assert not recover(root)


def test_every_command_undoes_it_first(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tree / "protos/release.toml").read_text(encoding="utf-8")
    (tree / JOURNAL / "old/protos").mkdir(parents=True)
    (tree / JOURNAL / "old/protos/release.toml").write_text(before, encoding="utf-8")
    (tree / JOURNAL / "absent.txt").write_text("protos/half.toml\n", encoding="utf-8")
    (tree / "protos/release.toml").write_text("half", encoding="utf-8")
    (tree / "protos/half.toml").touch()
    assert main(["--root", str(tree), "check"]) == 0
    assert "an interrupted upgrade was undone" in capsys.readouterr().err
    assert not (tree / "protos/half.toml").exists()
    assert main(["--root", str(tree), "recover"]) == 0
    assert "no interrupted upgrade to undo" in capsys.readouterr().err
