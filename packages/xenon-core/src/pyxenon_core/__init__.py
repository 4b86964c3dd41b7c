"""The asynchronous core of PyXenon: files and jobs, local or remote, over one connection.

::

    async with await pyxenon_core.connect("embedded:") as client:
        async with await client.filesystems.create("file") as filesystem:
            print(await filesystem.exists("/etc/hosts"))
"""

from __future__ import annotations

from pyxenon_core import errors, messages
from pyxenon_core._generated.views import PathAttributes
from pyxenon_core.client import Client, connect, default_target
from pyxenon_core.errors import XenonError
from pyxenon_core.filesystem import FileSystem, FileSystems
from pyxenon_core.paths import Path, StrPath
from pyxenon_core.scheduler import Scheduler, Schedulers

# Every distribution takes its version from here, and requires the others in the same version.
__version__ = "4.0.0.dev0"

__all__ = [
    "Client",
    "FileSystem",
    "FileSystems",
    "Path",
    "PathAttributes",
    "Scheduler",
    "Schedulers",
    "StrPath",
    "XenonError",
    "connect",
    "default_target",
    "errors",
    "messages",
]
