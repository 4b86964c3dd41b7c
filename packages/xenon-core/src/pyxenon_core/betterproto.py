"""betterproto2, imported without the look-up of its own version.

While it is imported it reads the metadata of its distribution, for which Python loads its parsers of e-mail and of zip files: a quarter of
the time of ``import xenon``. Here that happens when somebody asks for the version. Which versions fit the rendered messages is in the
requirements of this package.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["betterproto2"]

_VERSION = "betterproto2._version"


def _version() -> ModuleType:
    """The module in which betterproto2 looks its version up."""
    if isinstance(sys.modules.get(_VERSION), _StandIn):
        del sys.modules[_VERSION]
    return importlib.import_module(_VERSION)


class _StandIn(ModuleType):
    """Takes the place of that module during the import, and gives way to it when more is wanted than the import needs."""

    __version__ = ""

    @staticmethod
    def check_compiler_version(compiler_version: str) -> None:
        """Raise ImportError when code made by *compiler_version* does not fit."""
        _version().check_compiler_version(compiler_version)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python's own import asks of every module
            raise AttributeError(name)
        return getattr(_version(), name)


def _late(name: str) -> Any:
    """The attribute *name* of betterproto2 that its import has left out."""
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
