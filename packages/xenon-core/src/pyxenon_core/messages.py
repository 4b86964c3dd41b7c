"""The values that programs and servers exchange, each as a class with typed fields."""

from __future__ import annotations

from pyxenon_core._generated import messages as _generated
from pyxenon_core._generated.messages import *  # noqa: F403 - the list is generated with the classes; see its __all__

__all__: list[str] = []
__all__ += _generated.__all__
