"""Compare the files in the repository with what would be generated: differing, missing and orphaned files all count."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def compare(root: Path, generated: Mapping[str, str], folders: Iterable[str]) -> list[str]:
    """Return a report for each file that is out of date: a unified diff, or a line for one that is missing or orphaned."""
    reports: list[str] = []
    for name, text in sorted(generated.items()):
        path = root / name
        if not path.is_file():
            reports.append(f"missing: {name}\n")
        elif (committed := path.read_text(encoding="utf-8")) != text:
            lines = difflib.unified_diff(committed.splitlines(True), text.splitlines(True), f"committed/{name}", f"generated/{name}")
            reports.append("".join(lines))
    return reports + [f"orphaned: {name} (nothing generates it; delete it)\n" for name in find_orphans(root, generated, folders)]


def find_orphans(root: Path, generated: Mapping[str, str], folders: Iterable[str]) -> list[str]:
    """Return the Python files in the generated *folders* that nothing generates."""
    found = {path.relative_to(root).as_posix() for folder in folders for path in (root / folder).rglob("*.py")}
    return sorted(found - set(generated))


def write_tree(root: Path, generated: Mapping[str, str], folders: Iterable[str]) -> list[str]:
    """Write each file that differs, atomically, and delete the orphans; return the names of what changed."""
    changed: list[str] = []
    for name, text in sorted(generated.items()):
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            _write(path, text)
            changed.append(name)
    for name in find_orphans(root, generated, folders):
        (root / name).unlink()
        changed.append(name)
    return changed


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
