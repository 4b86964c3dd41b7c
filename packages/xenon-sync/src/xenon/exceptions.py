"""Every exception of this SDK; see :mod:`xenon_core.errors` for the tree."""

from __future__ import annotations

from xenon_core import errors as _errors
from xenon_core.errors import *  # noqa: F403 - the list is that module's own; see its __all__

__all__: list[str] = []
__all__ += _errors.__all__
