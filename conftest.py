"""What all suites share: the markers that choose tests, and how many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("small", max_examples=10)
