"""What can go wrong before a server is there: no Docker, no image, a server that does not come up.

::

    TestingError
    ├── EngineUnavailableError   no Docker engine answers
    ├── EngineError              the engine answers, and fails
    ├── BaseImageError           the image to build on cannot be had
    ├── ImageBuildError          a Dockerfile does not build
    ├── ServerNotReadyError      a container runs, or ended, and its server does not serve
    ├── ContainerCommandError    a command in a container failed
    └── NotRunningError          no server of that name is up
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
    """A server for tests cannot be had. The text says what was attempted, on what, why it failed and what to try."""

    __test__ = False  # pytest takes classes that begin with Test for tests


class EngineUnavailableError(TestingError):
    """No Docker engine answers: none is installed, none runs, or this user may not use it."""


class EngineError(TestingError):
    """The Docker engine could not do what it was asked; the text has what that was, and the engine's words."""


class BaseImageError(TestingError):
    """The image that others are built on is neither here nor in a registry that can be reached, or cannot be made."""


class ImageBuildError(TestingError):
    """A Dockerfile does not build; the text has the last lines of the build and the command that repeats it."""


class ServerNotReadyError(TestingError):
    """A container was started and its server does not serve; the text has the last lines of its log."""


class ContainerCommandError(TestingError):
    """A command in a container ended with another exit code than 0; the text has what it wrote."""


class NotRunningError(TestingError):
    """No server of that name is up."""
