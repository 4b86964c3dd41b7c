"""Where locks, keys and logs are: folders among the temporary files that only this user can enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["private_folder"]


def private_folder() -> Path:
    """This user's folder among the temporary files, which only this user can enter."""
    folder = Path(tempfile.gettempdir()) / f"pyxenon-testing-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"cannot use {folder} for the servers' keys: it belongs to another user. Set TMPDIR to a folder of your own")
    folder.chmod(0o700)
    return folder
