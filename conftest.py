"""The settings of hypothesis that every test begins with."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long one example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("small", settings.get_profile("untimed"), max_examples=10)
settings.load_profile("untimed")
