"""Every exception of this SDK; see :mod:`xenon_core.errors` for the tree."""

from __future__ import annotations

# Both type checkers take the names of another module's list only where that is imported under one name, and mypy not even then.
import xenon_core.errors as _errors
from xenon_core._generated.errors import *  # noqa: F403 - the list is that module's own; see its __all__
from xenon_core.errors import *  # noqa: F403 - likewise

__all__: list[str] = []
__all__ += _errors.__all__
