"""Writing a generated file so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import difflib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str) -> bool:
    """Put *text*, as UTF-8, at *path* in one step, creating its folder; False when it was there already and nothing was written.

    Raises :class:`OSError` when the folder cannot be written; then *path* is as it was and nothing is left beside it.
    """
    if _read(path) == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    draft = Path(name)
    try:
        draft.write_bytes(text.encode("utf-8"))
        draft.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return True


def difference(path: Path, text: str) -> str:
    """A unified diff from the file at *path* to *text*; empty when they are the same. A file that is not there counts as empty."""
    old = (_read(path) or "").splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, text.splitlines(keepends=True), str(path), f"{path} (as it should be)"))


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
