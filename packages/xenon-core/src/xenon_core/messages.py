"""The typed messages of the interface: betterproto messages, one class for each of the proto's."""

from __future__ import annotations

from xenon_core._generated.messages import *  # noqa: F403 - the list is generated with the classes; see its __all__
from xenon_core._generated.messages import __all__ as _generated_names

__all__: list[str] = []
__all__ += _generated_names
