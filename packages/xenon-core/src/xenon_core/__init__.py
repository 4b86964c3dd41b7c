"""The asynchronous core of PyXenon: files and jobs wherever they are, over one connection.

::

    async with await xenon_core.connect("java:") as client:
        async with await client.filesystems.create("file") as filesystem:
            print(await filesystem.exists("/etc/hosts"))
"""

from __future__ import annotations

from xenon_core import errors, messages
from xenon_core._generated.views import PathAttributes
from xenon_core.client import Client, connect, default_target
from xenon_core.errors import XenonError
from xenon_core.filesystem import FileSystem, FileSystems
from xenon_core.paths import Path, StrPath
from xenon_core.scheduler import Scheduler, Schedulers

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
