"""Every exception of PyXenon; see :mod:`pyxenon_core.errors` for the tree."""

from __future__ import annotations

import pyxenon.exceptions as _exceptions

# As in pyxenon.exceptions, and for the same reason; mypy finds none of the names in its ``__all__``.
from pyxenon_core._generated.errors import *  # noqa: F403
from pyxenon_core.errors import *  # noqa: F403

__all__: list[str] = []
__all__ += _exceptions.__all__
