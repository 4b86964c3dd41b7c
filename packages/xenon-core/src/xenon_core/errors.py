"""Every exception of this SDK. (stub; being written)"""
from __future__ import annotations
class XenonError(Exception):
    """Base."""
class TargetError(XenonError, ValueError):
    """A target string that cannot be used."""
    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot use the target {target!r}: {reason}")
class ServerStartError(XenonError):
    """A server that did not come up."""
class ServerUnavailableError(XenonError):
    """A server that no longer answers."""
