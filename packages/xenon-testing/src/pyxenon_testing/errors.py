"""The errors of starting and using servers: Docker is missing, an image cannot be built, a server does not start.

::

    TestingError
    ├── EngineUnavailableError   no Docker engine answers
    ├── EngineError              the engine reports an error
    ├── BaseImageError           the base image is not available
    ├── ImageBuildError          a Dockerfile does not build
    ├── ServerNotReadyError      a container was started, but its server is not ready
    ├── ContainerCommandError    a command in a container failed
    └── NotRunningError          no server of that name is running
"""

from __future__ import annotations

__all__ = [
    "BaseImageError",
    "ContainerCommandError",
    "EngineError",
    "EngineUnavailableError",
    "ImageBuildError",
    "NotRunningError",
    "ServerNotReadyError",
    "TestingError",
]


class TestingError(Exception):
    """A server for tests is not available. The message says what was attempted, on what, why it failed and what to try."""

    __test__ = False  # pytest would collect a class whose name begins with Test


class EngineUnavailableError(TestingError):
    """No Docker engine answers: it is not installed, not running, or this user has no access."""


class EngineError(TestingError):
    """The Docker engine reported an error; the message has the request and the engine's reason."""


class BaseImageError(TestingError):
    """The base image is neither on this machine nor in a reachable registry, or cannot be created."""


class ImageBuildError(TestingError):
    """A Dockerfile does not build; the message has the last lines of the build and the command that repeats it."""


class ServerNotReadyError(TestingError):
    """A container was started, but its server is not ready; the message has the last lines of its log."""


class ContainerCommandError(TestingError):
    """A command in a container ended with a nonzero exit code; the message has its output."""


class NotRunningError(TestingError):
    """No server of that name is running."""
