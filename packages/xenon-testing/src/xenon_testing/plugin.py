"""The pytest plugin: what pytest loads under the name ``xenon``. It only lists; pytest finds hooks and fixtures by their names here.

It is loaded in every project of an environment that has it, so nothing here imports Xenon or gRPC before a fixture is used.
"""

from __future__ import annotations

from xenon_testing.fixtures.filesystems import xenon_filesystem
from xenon_testing.fixtures.schedulers import xenon_scheduler
from xenon_testing.fixtures.server import xenon_server
from xenon_testing.options import pytest_addoption

__all__ = ["pytest_addoption", "xenon_filesystem", "xenon_scheduler", "xenon_server"]
