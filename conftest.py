"""Settings shared by all test suites: hypothesis profiles, and the marks of whole folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The time that an example takes shows how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("small", settings.get_profile("untimed"), max_examples=10)
settings.load_profile("untimed")

ROOT = Path(__file__).parent
# Tests that depend on the Python version: the interpreter's event loop, threads, processes, signals and typing.
PORTABLE = tuple(
    ROOT / "packages" / folder
    for folder in (
        "xenon-core/tests",
        "xenon-sync/tests",
        "xenon-server/tests/core",
        "xenon-server/tests/filesystems/local",
        "xenon-server/tests/schedulers",
        "xenon-server/tests/serve",
        "xenon-server/tests/shells",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the portable folders."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in PORTABLE):
            item.add_marker("portable")
