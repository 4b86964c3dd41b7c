"""Every exception of this SDK; see :mod:`pyxenon_core.errors` for the tree."""

from __future__ import annotations

import pyxenon.exceptions as _exceptions

# As in pyxenon.exceptions, and for the same reason; mypy finds no name in a list that is put together there.
from pyxenon_core._generated.errors import *  # noqa: F403
from pyxenon_core.errors import *  # noqa: F403

__all__: list[str] = []
__all__ += _exceptions.__all__
