"""Where locks, keys and logs are: folders among the temporary files that only this user can enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["private_folder", "private_path"]


def private_path() -> Path:
    """Where this user's folder among the temporary files is, or would be."""
    return Path(tempfile.gettempdir()) / f"pyxenon-testing-{os.getuid()}"


def private_folder() -> Path:
    """This user's folder among the temporary files, which only this user can enter; made if need be.

    Raises PermissionError when something else, or another user's, is in its place.
    """
    folder = private_path()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
    except FileExistsError:
        ours = False
    if not ours:
        raise PermissionError(f"cannot use {folder} for the servers' keys: it is not a folder of yours. Set TMPDIR to a folder of your own")
    folder.chmod(0o700)
    return folder
