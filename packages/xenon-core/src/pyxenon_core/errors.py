"""Every exception of PyXenon.

::

    XenonError  (XenonException is another name for it)
    ├── raised in this process
    │   ├── TargetError                       also a ValueError
    │   ├── ServerStartError
    │   ├── ServerUnavailableError
    │   │   └── SessionClosedError
    │   ├── SessionError
    │   ├── FileTooLargeError
    │   ├── MethodMissingError                the server is too old for the method
    │   └── ProtocolError
    └── named by the server, one class for each kind of failure
        ├── NoSuchPathException, PathAlreadyExistsException, DirectoryNotEmptyException, InvalidPathException, …
        ├── UnknownAdaptorException, InvalidLocationException, InvalidCredentialException, InvalidPropertyException, …
        ├── NoSuchJobException, NoSuchQueueException, IncompleteJobDescriptionException, …
        └── UnknownRpcException               a failure without a name

Each has the operation that failed, its subject (a path, job or queue), the adaptor, a status code, and a hint at what to try.
"""

from __future__ import annotations

import os
import re
from typing import Any

from pyxenon_core._generated import errors as _named
from pyxenon_core._generated.errors import *  # noqa: F403 - the list is generated with the classes; see its __all__
from pyxenon_core.failures import (
    FileTooLargeError,
    MethodMissingError,
    ProtocolError,
    ServerStartError,
    ServerUnavailableError,
    SessionClosedError,
    SessionError,
    Status,
    TargetError,
    XenonError,
)

XenonException = XenonError

__all__ = [
    "FileTooLargeError",
    "MethodMissingError",
    "ProtocolError",
    "ServerStartError",
    "ServerUnavailableError",
    "SessionClosedError",
    "SessionError",
    "Status",
    "TargetError",
    "XenonError",
    "XenonException",
]
__all__ += _named.__all__

# nl.esciencecenter.xenon.filesystems.NoSuchPathException: sftp adaptor: Path does not exist: /nope
_DETAILS = re.compile(r"(?:[\w$]+\.)*(?P<name>\w+(?:Exception|Error)): (?:(?P<adaptor>[\w-]+) adaptor: )?(?P<reason>.*)", re.DOTALL)
_CLOSED: dict[str, type[XenonError]] = {
    "File system with id: ": _named.FileSystemClosedException,
    "Scheduler with id: ": _named.SchedulerClosedException,
}
# A password in a location, such as http://me:secret@host.
_PASSWORD = re.compile(r":[^:/@\s]+@")
# The fields that can name the subject of a request, the most telling first.
_SUBJECTS = ("path", "dir", "source", "link", "copy_operation", "job", "queue", "queues", "location", "adaptor", "name")


def from_status(status: Status, details: str, diagnosis: str = "") -> XenonError:
    """Return the exception for a gRPC *status* and its *details*.

    *diagnosis* says what is known about a server that could not be reached. The details name the class; if they do not, it is derived from
    the status and the text.
    """
    match = _DETAILS.match(details)
    if match and match["name"] in _named.BY_NAME:
        return _named.BY_NAME[match["name"]](match["reason"], status=status, adaptor=_real_adaptor(match["adaptor"]))
    if match and match["name"] == "XenonException":
        return XenonError(match["reason"], status=status, adaptor=_real_adaptor(match["adaptor"]))
    for beginning, error in _CLOSED.items():
        if details.startswith(beginning):
            return error(f"the server does not know the {details[0].lower()}{details[1:]}; it was closed", status=status)
    if status is Status.UNAVAILABLE:
        return ServerUnavailableError(". ".join(text for text in ("the server does not answer", diagnosis, details) if text))
    return _named.UnknownRpcException(details or f"the server gave no reason but {status.name}", status=status)


def subject_of(request: object) -> str:
    """Return the subject of a request for messages: its path, job, queue or location in quotes; empty if it names none."""
    for name in _SUBJECTS:
        value = getattr(request, name, None)
        if value:
            return _PASSWORD.sub(":***@", _quoted(value))
    return ""


def describe(error: XenonError, operation: str, request: object) -> XenonError:
    """Fill in the *operation* and the subject of the *request*, and a hint if the class of *error* has none; return *error*."""
    if not error.hint and operation == "create":
        error.hint = "Check that the location can be reached from the server's machine, and that the credential is one it accepts"
    if not error.hint:
        error.hint = "The server's log, in Python's logging under xenon.server at the level INFO, may tell more"
    return error.about(operation, subject_of(request))


def _quoted(value: Any) -> str:
    for attribute in ("path", "id"):
        inner = getattr(value, attribute, None)
        if isinstance(inner, str):
            return repr(inner)
    if isinstance(value, (list, tuple)):
        return ", ".join(repr(item) for item in value)
    return repr(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else repr(value)


def _real_adaptor(name: str | None) -> str:
    """Return *name*, or an empty string for a class name such as AdaptorLoader, which xenon-grpc sometimes gives as the adaptor."""
    return name if name and name[0].islower() else ""
