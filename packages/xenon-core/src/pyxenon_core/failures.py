"""The root of the exceptions, and those raised in this process rather than on a server."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, TypeVar

E = TypeVar("E", bound="XenonError")


class Status(IntEnum):
    """The status code of a failed call."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class XenonError(Exception):
    """The root of every exception of PyXenon.

    Attributes:
        reason: Why the operation failed, as the server or this program says.
        operation: The method that was called, such as ``get_attributes``; empty if there was none.
        subject: The object of the operation: a path, job, queue, location or target.
        adaptor: The adaptor that failed, such as ``sftp``.
        status: The status code, from the server if it sent one.
        hint: What to try.
    """

    __module__ = "pyxenon_core.errors"
    default_status: ClassVar[Status] = Status.UNKNOWN
    default_hint: ClassVar[str] = ""

    def __init__(self, reason: str, *, status: Status | None = None, adaptor: str = "", hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.operation = ""
        self.subject = ""
        self.adaptor = adaptor
        self.status = self.default_status if status is None else status
        self.hint = hint or self.default_hint

    def about(self: E, operation: str, subject: str) -> E:
        """Fill in the operation and subject unless they are set already; return the exception itself."""
        self.operation = self.operation or operation
        self.subject = self.subject or subject
        return self

    def __str__(self) -> str:
        what = " ".join(part for part in (self.operation, self.subject) if part)
        where = f" ({self.adaptor} adaptor)" if self.adaptor else ""
        attempt = f"{what}{where} failed: " if what else ""
        return " ".join(_sentence(text) for text in (attempt + self.reason, self.hint) if text.strip())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _rebuild(error_type: type[E], args: tuple[Any, ...], state: dict[str, Any]) -> E:
    error = error_type.__new__(error_type, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class TargetError(XenonError, ValueError):
    """A target string that cannot be used: it is malformed, or no installed package provides its scheme."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.INVALID_ARGUMENT

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot use the target {target!r}: {reason}")
        self.target = target


class ServerStartError(XenonError):
    """A server could not be started, or is not listening where it should."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.UNAVAILABLE


class ServerUnavailableError(XenonError):
    """The server no longer answers: it died, the connection broke, or the session was closed."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.UNAVAILABLE
    default_hint = "Start a new session; jobs that ran on the server's own machine may have ended with it"


class SessionClosedError(ServerUnavailableError):
    """This program closed the session or client that a file system or scheduler belongs to."""

    __module__ = "pyxenon_core.errors"
    default_hint = "Start a new session, and create the file system or scheduler in it"


class SessionError(XenonError):
    """No session is open: ``xenon.init()`` was not called, or the session was closed."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.FAILED_PRECONDITION
    default_hint = "Call xenon.init() first, or use it in a with statement around the work"


class FileTooLargeError(XenonError):
    """The file is larger than the server can send."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.RESOURCE_EXHAUSTED


class MethodMissingError(XenonError):
    """The release of the server does not have the method."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.UNIMPLEMENTED
    default_hint = "Use a newer server, such as the target embedded: or java:, or do without the method"


class ProtocolError(XenonError):
    """The server sent an answer that does not fit the interface."""

    __module__ = "pyxenon_core.errors"
    default_status = Status.INTERNAL
    default_hint = "Check that the target is a Xenon server and that its version fits this SDK"
