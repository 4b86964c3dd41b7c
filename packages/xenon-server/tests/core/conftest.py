"""Asynchronous tests."""

from __future__ import annotations

from embedded import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
