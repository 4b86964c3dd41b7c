"""The pytest plugin ``xenon``: a list of hooks and fixtures, which pytest finds by their names in this module.

pytest loads it in every project of the environment, so nothing here imports Xenon, gRPC or Docker before a fixture is used.
"""

from __future__ import annotations

from pyxenon_testing.fixtures.clusters import xenon_at, xenon_gridengine, xenon_slurm, xenon_slurm_accounting, xenon_torque
from pyxenon_testing.fixtures.containers import pytest_collection_modifyitems, pytest_configure, pytest_generate_tests, xenon_container
from pyxenon_testing.fixtures.filesystems import xenon_filesystem
from pyxenon_testing.fixtures.schedulers import xenon_scheduler
from pyxenon_testing.fixtures.server import xenon_server
from pyxenon_testing.fixtures.ssh import xenon_ssh
from pyxenon_testing.fixtures.storage import xenon_ftp, xenon_s3, xenon_webdav
from pyxenon_testing.options import pytest_addoption
from pyxenon_testing.pytest_session import pytest_configure_node, pytest_unconfigure

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_unconfigure",
    "xenon_at",
    "xenon_container",
    "xenon_filesystem",
    "xenon_ftp",
    "xenon_gridengine",
    "xenon_s3",
    "xenon_scheduler",
    "xenon_server",
    "xenon_slurm",
    "xenon_slurm_accounting",
    "xenon_ssh",
    "xenon_torque",
    "xenon_webdav",
]
