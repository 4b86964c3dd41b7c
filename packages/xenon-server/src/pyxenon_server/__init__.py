"""Xenon's services in Python: the target ``embedded:``, the command ``xenon-server``, and the base classes of adaptors."""

from __future__ import annotations

from pyxenon_core import __version__ as __version__
from pyxenon_server.adaptors.base import Adaptor, FileSystem, OpenRequest, Scheduler

__all__ = ["Adaptor", "FileSystem", "OpenRequest", "Scheduler"]
