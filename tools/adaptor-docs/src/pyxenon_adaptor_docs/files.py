"""Write a generated file atomically: readers see the old or the new file, never a part."""

from __future__ import annotations

import difflib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str) -> bool:
    """Write *text* as UTF-8 to *path* atomically, creating its directory; return False if the file was up to date already.

    Raises :class:`OSError` if the directory cannot be written; then *path* is unchanged and no other file is left.
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
    """Return a unified diff from the file at *path* to *text*; empty if they are the same. A missing file counts as empty."""
    old = (_read(path) or "").splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, text.splitlines(keepends=True), str(path), f"{path} (as it should be)"))


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
