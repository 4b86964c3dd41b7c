"""Which server the tests use: the options of the plugin, and the order in which they count."""

from __future__ import annotations

import os

import pytest

__all__ = ["DEFAULT_TARGET", "TARGET_VARIABLE", "chosen_target", "pytest_addoption"]

# The server that programs meet in production, and not whichever happens to be installed.
DEFAULT_TARGET = "java:"
# The SDK has the same constant; importing it from there would load gRPC into every project's tests.
TARGET_VARIABLE = "XENON_TARGET"
_NAME = "xenon_target"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--xenon-target`` to the command line and ``xenon_target`` to the configuration file."""
    meaning = f"the server that the Xenon fixtures use, such as java: or grpcs://host:port (default: {DEFAULT_TARGET})"
    parser.getgroup("xenon").addoption("--xenon-target", dest=_NAME, metavar="TARGET", help=meaning)
    parser.addini(_NAME, meaning, default="")


def chosen_target(config: pytest.Config) -> str:
    """The target string: from the command line, else the environment, else the configuration file, else the default."""
    given = (config.getoption(_NAME), os.environ.get(TARGET_VARIABLE), config.getini(_NAME))
    return next((str(target) for target in given if target), DEFAULT_TARGET)
