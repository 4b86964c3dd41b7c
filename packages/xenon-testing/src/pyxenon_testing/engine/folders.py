"""The folder of locks, keys and logs among the temporary files, which only this user can enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["private_folder", "private_path"]


def private_path() -> Path:
    """Return the path of this user's folder among the temporary files, which may not exist."""
    return Path(tempfile.gettempdir()) / f"pyxenon-testing-{os.getuid()}"


def private_folder() -> Path:
    """Return this user's folder among the temporary files, which only this user can enter; create it if it is missing.

    Raises PermissionError if the path is not a folder, or belongs to another user.
    """
    folder = private_path()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
    except FileExistsError:
        ours = False
    if not ours:
        raise PermissionError(f"cannot use {folder} for the servers' keys: it is not a folder of yours. Set TMPDIR to your own folder")
    folder.chmod(0o700)
    return folder
