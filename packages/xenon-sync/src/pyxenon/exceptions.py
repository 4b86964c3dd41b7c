"""Every exception of PyXenon; see :mod:`pyxenon_core.errors` for the tree."""

from __future__ import annotations

# Type checkers accept another module's ``__all__`` only under its imported name, and mypy not even then, hence the star imports.
import pyxenon_core.errors as _errors
from pyxenon_core._generated.errors import *  # noqa: F403 - the list is that module's own; see its __all__
from pyxenon_core.errors import *  # noqa: F403 - likewise

__all__: list[str] = []
__all__ += _errors.__all__
