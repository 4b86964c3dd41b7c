"""The options of the pytest plugin, and the order in which their sources apply."""

from __future__ import annotations

import os

import pytest

from pyxenon_testing.client import DEFAULT_TARGET, TARGET_VARIABLE

__all__ = ["DEFAULT_TARGET", "TARGET_VARIABLE", "base_image", "chosen_target", "pytest_addoption", "requires_docker", "suite_for"]

_TARGET = "xenon_target"
_REQUIRE = "xenon_require_docker"
_BASE = "xenon_base_image"
_SUITE = "xenon_suite"
_SLURM = "xenon_slurm_release"
_DEFAULT_BASE = "debian:{suite}-slim"
_DEFAULT_SUITE = "bookworm"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options to the command line and, with underscores in their names, to the configuration file."""
    group = parser.getgroup("xenon", "Xenon and servers in Docker")
    target = f"the target that the Xenon fixtures use, such as java: or grpcs://host:port (default: {DEFAULT_TARGET})"
    group.addoption("--xenon-target", dest=_TARGET, metavar="TARGET", help=target)
    parser.addini(_TARGET, target, default="")
    require = "fail tests that need Docker instead of skipping them when Docker is missing"
    group.addoption("--xenon-require-docker", dest=_REQUIRE, action="store_true", default=None, help=require)
    parser.addini(_REQUIRE, require, type="bool", default=False)
    base = f"the base image of the servers' images, with {{suite}} in place of the suite (default: {_DEFAULT_BASE})"
    group.addoption("--xenon-base-image", dest=_BASE, metavar="IMAGE", help=base)
    parser.addini(_BASE, base, default="")
    suite = f"the Debian suite of the servers: bullseye, bookworm, trixie or forky (default: {_DEFAULT_SUITE})"
    group.addoption("--xenon-suite", dest=_SUITE, metavar="SUITE", help=suite)
    parser.addini(_SUITE, suite, default="")
    slurm = "the Slurm release for tests that do not choose one: 20.11, 22.05, 24.11, 26.05 or a suite (default: that of the suite)"
    group.addoption("--xenon-slurm-release", dest=_SLURM, metavar="RELEASE", help=slurm)
    parser.addini(_SLURM, slurm, default="")


def chosen_target(config: pytest.Config) -> str:
    """Return the target string from the command line, the environment, the configuration file, or the default, in this order."""
    given = (config.getoption(_TARGET), os.environ.get(TARGET_VARIABLE), config.getini(_TARGET))
    return next((str(target) for target in given if target), DEFAULT_TARGET)


def requires_docker(config: pytest.Config) -> bool:
    """Return True if tests fail, instead of being skipped, when Docker is missing."""
    return bool(config.getoption(_REQUIRE) or config.getini(_REQUIRE))


def base_image(config: pytest.Config) -> str:
    """Return the base image, with ``{suite}`` in place of the suite's name."""
    return _chosen(config, _BASE) or _DEFAULT_BASE


def suite_for(config: pytest.Config, kind: str) -> str:
    """Return the suite or Slurm release of a server of *kind* for tests that do not choose one."""
    release = _chosen(config, _SLURM) if kind.startswith("slurm") else ""
    return release or _chosen(config, _SUITE) or _DEFAULT_SUITE


def _chosen(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name) or "")
