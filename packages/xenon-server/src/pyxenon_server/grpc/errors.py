"""How an exception travels: the one place that gives it a gRPC status and the words from which any client names the exception."""

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
# A closed handle has no name on the wire: clients know it by the beginning of the words.
_CLOSED = re.compile(r"(?P<kind>(?:File system|Scheduler) with id: \S*) is not open")


def to_status(error: XenonError) -> tuple[Status, str]:
    """The status and the details with which *error* travels, such as ``…filesystems.NoSuchPathException: sftp adaptor: …``.

    What to try travels at the end of the words, unless the client has the same advice for that class anyway.
    """
    status = Status.UNKNOWN if error.status is Status.OK else error.status
    advice = f" {error.hint}" if error.hint and error.hint != error.default_hint else ""
    reason = f"{error.reason.rstrip()}{'.' if advice and error.reason[-1:] not in '.!?' else ''}{advice}"
    if closed := _CLOSED.match(error.reason):
        return Status.NOT_FOUND, closed["kind"]
    name = type(error).__name__ if type(error) is not XenonError else "XenonException"
    adaptor = f"{error.adaptor} adaptor: " if error.adaptor else ""
    return status, f"{_PACKAGE_OF.get(type(error), _ROOT)}.{name}: {adaptor}{reason}"
