"""Import betterproto2 without its version lookup.

On import, betterproto2 reads the metadata of its distribution, for which Python loads its e-mail and zip parsers: a quarter of the time of
``import xenon``. Here the metadata is read only when the version is requested. The requirements of this package state which versions fit
the rendered messages.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["betterproto2"]

_VERSION = "betterproto2._version"


def _version() -> ModuleType:
    """Return the module in which betterproto2 looks up its version."""
    if isinstance(sys.modules.get(_VERSION), _StandIn):
        del sys.modules[_VERSION]
    return importlib.import_module(_VERSION)


class _StandIn(ModuleType):
    """Stands in for that module during the import; anything the import does not need is taken from the real module."""

    __version__ = ""

    @staticmethod
    def check_compiler_version(compiler_version: str) -> None:
        """Raise ImportError if code compiled by *compiler_version* does not fit."""
        _version().check_compiler_version(compiler_version)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's import system asks every module for these
            raise AttributeError(name)
        return getattr(_version(), name)


def _late(name: str) -> Any:
    """Return the attribute *name* of betterproto2, which its import left out."""
    if name == "_version":
        return _version()
    if name == "__version__":
        return _version().__version__
    raise AttributeError(f"module 'betterproto2' has no attribute {name!r}")


if "betterproto2" in sys.modules:
    import betterproto2
else:
    sys.modules[_VERSION] = _StandIn(_VERSION)
    try:
        import betterproto2
    finally:
        if isinstance(sys.modules[_VERSION], _StandIn):
            del sys.modules[_VERSION]
    if betterproto2.__dict__.get("__version__") == "":
        del betterproto2.__version__
        betterproto2.__dict__["__getattr__"] = _late
