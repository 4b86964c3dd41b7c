"""Every exception of this SDK; see :mod:`pyxenon_core.errors` for the tree."""

from __future__ import annotations

# Both type checkers take the names of another module's list only where that is imported under one name, and mypy not even then.
import pyxenon_core.errors as _errors
from pyxenon_core._generated.errors import *  # noqa: F403 - the list is that module's own; see its __all__
from pyxenon_core.errors import *  # noqa: F403 - likewise

__all__: list[str] = []
__all__ += _errors.__all__
