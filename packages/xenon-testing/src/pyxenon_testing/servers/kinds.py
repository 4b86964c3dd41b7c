"""All kinds of server, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pyxenon_testing.servers.at import At
from pyxenon_testing.servers.ftp import Ftp
from pyxenon_testing.servers.gridengine import GridEngine
from pyxenon_testing.servers.kind import Kind
from pyxenon_testing.servers.s3 import S3
from pyxenon_testing.servers.slurm import Slurm, SlurmAccounting
from pyxenon_testing.servers.ssh import Ssh
from pyxenon_testing.servers.torque import Torque
from pyxenon_testing.servers.webdav import Webdav

__all__ = ["KINDS", "kind_named"]

_ALL: tuple[Kind[Any], ...] = (Ssh(), Slurm(), SlurmAccounting(), GridEngine(), At(), Torque(), Ftp(), Webdav(), S3())
KINDS: Mapping[str, Kind[Any]] = MappingProxyType({kind.name: kind for kind in _ALL})


def kind_named(name: str) -> Kind[Any]:
    """Return the kind *name*, with ``-`` or ``_`` between its words; raises ValueError if it does not exist."""
    kind = KINDS.get(name.replace("_", "-"))
    if kind is None:
        raise ValueError(f"there is no kind of server named {name!r}; there are: {', '.join(KINDS)}")
    return kind
