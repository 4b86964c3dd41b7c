"""Replace files of a repository: all of them or, whatever happens, none.

The old files are copied to a journal directory first. While that exists the change is incomplete, and :func:`recover` undoes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pyxenon_codegen.errors import CodegenError

JOURNAL = ".xenon-upgrade"
_OLD = "old"
_ABSENT = "absent.txt"  # lists the files that did not exist before


def differing(root: Path, wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return those *wanted* files, by their path below *root*, that differ from what is there; None stands for a file to be deleted."""
    return {name: text for name, text in wanted.items() if _text(root / name) != text}


def replace_files(root: Path, wanted: Mapping[str, str | None]) -> None:
    """Write the *wanted* files below *root* and delete those that are None; if that fails or is interrupted, restore all of them."""
    journal = root / JOURNAL
    _save(root, journal, wanted)
    try:
        for name, text in wanted.items():
            _set(root / name, text)
    except BaseException:
        recover(root)
        raise
    shutil.rmtree(journal)


def recover(root: Path) -> bool:
    """Undo an interrupted change; return True if there was one."""
    journal = root / JOURNAL
    if not journal.is_dir():
        return False
    if (journal / _ABSENT).is_file():  # written last: nothing is changed before that
        for path in sorted((journal / _OLD).rglob("*")):
            if path.is_file():
                _set(root / path.relative_to(journal / _OLD), path.read_text(encoding="utf-8"))
        for name in (journal / _ABSENT).read_text(encoding="utf-8").splitlines():
            (root / name).unlink(missing_ok=True)
    shutil.rmtree(journal)
    return True


def _save(root: Path, journal: Path, wanted: Mapping[str, str | None]) -> None:
    try:
        journal.mkdir()
    except FileExistsError:
        raise CodegenError(
            f"{journal} exists: another upgrade is running here, or was interrupted; undo that with `xenon-codegen recover`"
        ) from None
    (journal / _OLD).mkdir()
    absent: list[str] = []
    for name in wanted:
        text = _text(root / name)
        if text is None:
            absent.append(name)
        else:
            (journal / _OLD / name).parent.mkdir(parents=True, exist_ok=True)
            (journal / _OLD / name).write_text(text, encoding="utf-8")
    partial = journal / f"{_ABSENT}.new"
    partial.write_text("".join(f"{name}\n" for name in absent), encoding="utf-8")
    partial.replace(journal / _ABSENT)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _set(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
