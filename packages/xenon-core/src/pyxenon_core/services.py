"""The table of methods and the base classes for servers."""

from __future__ import annotations

from dataclasses import dataclass

from pyxenon_core._generated import services as _generated
from pyxenon_core._generated.services import *  # noqa: F403 - the list is generated with the classes; see its __all__
from pyxenon_core._generated.services import FileSystemServicer, SchedulerServicer
from pyxenon_core.rpc import Rpc

__all__ = ["Rpc", "Servicers"]
__all__ += _generated.__all__


@dataclass(frozen=True)
class Servicers:
    """The objects that answer the calls of each service."""

    filesystem: FileSystemServicer
    scheduler: SchedulerServicer
