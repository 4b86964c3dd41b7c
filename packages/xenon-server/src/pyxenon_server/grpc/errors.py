"""Convert exceptions to a gRPC status and details from which every client can recover the exception's class."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyxenon_core import errors
from pyxenon_core.errors import Status, XenonError

__all__ = ["to_status"]

_ROOT = "nl.esciencecenter.xenon"
_PACKAGES: Mapping[str, tuple[type[XenonError], ...]] = {
    f"{_ROOT}.filesystems": (
        errors.AttributeNotSupportedException,
        errors.CopyCancelledException,
        errors.DirectoryNotEmptyException,
        errors.FileSystemClosedException,
        errors.InvalidOptionsException,
        errors.InvalidPathException,
        errors.InvalidResumeTargetException,
        errors.NoSuchCopyException,
        errors.NoSuchPathException,
        errors.PathAlreadyExistsException,
    ),
    f"{_ROOT}.schedulers": (
        errors.IncompleteJobDescriptionException,
        errors.InvalidJobDescriptionException,
        errors.JobCanceledException,
        errors.NoSuchJobException,
        errors.NoSuchQueueException,
        errors.UnsupportedJobDescriptionException,
    ),
    f"{_ROOT}.adaptors": (
        errors.ConnectionLostException,
        errors.EndOfFileException,
        errors.NoSpaceException,
        errors.PermissionDeniedException,
    ),
    "java.lang": (errors.IllegalArgumentException,),
    "java.io": (errors.IOException,),
}
_PACKAGE_OF: Mapping[type[XenonError], str] = {error: package for package, members in _PACKAGES.items() for error in members}
# The exception for a closed handle has no name on the wire: clients recognise it by the beginning of its message.
_CLOSED = re.compile(r"(?P<kind>(?:File system|Scheduler) with id: \S*) is not open")


def to_status(error: XenonError) -> tuple[Status, str]:
    """Return the status and the details to send for *error*, such as ``…filesystems.NoSuchPathException: sftp adaptor: …``.

    The error's hint ends the details, unless it is the default of its class, which clients have anyway.
    """
    status = Status.UNKNOWN if error.status is Status.OK else error.status
    advice = f" {error.hint}" if error.hint and error.hint != error.default_hint else ""
    reason = f"{error.reason.rstrip()}{'.' if advice and error.reason[-1:] not in '.!?' else ''}{advice}"
    if closed := _CLOSED.match(error.reason):
        return Status.NOT_FOUND, closed["kind"]
    name = type(error).__name__ if type(error) is not XenonError else "XenonException"
    adaptor = f"{error.adaptor} adaptor: " if error.adaptor else ""
    return status, f"{_PACKAGE_OF.get(type(error), _ROOT)}.{name}: {adaptor}{reason}"
