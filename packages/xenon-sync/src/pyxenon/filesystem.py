"""File systems, synchronously."""

from __future__ import annotations

from pyxenon._generated.filesystem import FileSystemMethods

__all__ = ["FileSystem"]


class FileSystem(FileSystemMethods):
    """A file system: files and directories, local or remote. Use it in a ``with`` statement: it is closed at the end.

    ::

        with xenon.FileSystem.create("sftp", "host.example.org", default_credential=xenon.DefaultCredential("me")) as remote:
            for entry in remote.list("data"):
                print(entry.path, entry.size)
    """
