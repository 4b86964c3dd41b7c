"""Pytest fixtures that give tests a real Xenon server, file system and scheduler.

Installed, the plugin is there: ask for ``xenon_server``, ``xenon_filesystem`` or ``xenon_scheduler``. The classes here are what the last
two give, for annotations::

    from xenon_testing import ScratchFileSystem

    def test_written_bytes_come_back(xenon_filesystem: ScratchFileSystem) -> None:
        path = xenon_filesystem.directory / "greeting"
        xenon_filesystem.filesystem.write_to_file(path, b"hello")
        assert b"".join(xenon_filesystem.filesystem.read_from_file(path)) == b"hello"
"""

from __future__ import annotations

from xenon_testing.scratch import ScratchFileSystem, ScratchScheduler

__all__ = ["ScratchFileSystem", "ScratchScheduler"]
