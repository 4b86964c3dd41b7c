"""Puts the files of a finished tree in the place of a repository's: all of them or, whatever happens, none.

What is replaced is moved into a folder first. While that folder is there the change is unfinished, and :func:`recover` undoes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pyxenon_codegen.errors import CodegenError

JOURNAL = ".xenon-upgrade"
_OLD = "old"
_ABSENT = "absent.txt"  # the names of the files that the repository did not have


def differing(root: Path, wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """Those of the *wanted* files, by their path below *root*, that are otherwise there; None is for a file that must not be there."""
    return {name: text for name, text in wanted.items() if _text(root / name) != text}


def replace_files(root: Path, wanted: Mapping[str, str | None]) -> None:
    """Write the *wanted* files below *root*, and delete those that are None; if that fails, or is interrupted, all are as before."""
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
    """Undo a change that was cut short, if there is one; returns whether there was."""
    journal = root / JOURNAL
    if not journal.is_dir():
        return False
    if (journal / _ABSENT).is_file():  # written last: before that nothing was changed
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
            f"{journal} is there: another upgrade is at work here, or was cut short; `xenon-codegen recover` undoes that"
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
