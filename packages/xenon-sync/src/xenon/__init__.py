"""PyXenon: files and jobs anywhere, through one interface.

::

    import xenon

    with xenon.init():
        with xenon.Scheduler.create("local") as scheduler:
            job = scheduler.submit_batch_job(xenon.JobDescription(executable="hostname"))
            print(scheduler.wait_until_done(job).exit_code)

The code is in the package ``pyxenon``, whose names this package exports.
"""

from __future__ import annotations

from pyxenon import (
    CertificateCredential,
    CopyMode,
    CopyOperation,
    CopyRequest,
    CopyStatus,
    CredentialMap,
    DefaultCredential,
    FileSystem,
    FileSystemAdaptorDescription,
    Job,
    JobDescription,
    JobStatus,
    KeytabCredential,
    PasswordCredential,
    Path,
    PathAlreadyExistsException,
    PathAttributes,
    PosixFilePermission,
    PropertyDescription,
    QueueStatus,
    ResponseStream,
    Scheduler,
    SchedulerAdaptorDescription,
    Session,
    SubmitInteractiveJobResponse,
    UnknownRpcException,
    UserCredential,
    XenonError,
    XenonException,
    __version__,
    init,
)
from xenon import exceptions

__all__ = [
    "CertificateCredential",
    "CopyMode",
    "CopyOperation",
    "CopyRequest",
    "CopyStatus",
    "CredentialMap",
    "DefaultCredential",
    "FileSystem",
    "FileSystemAdaptorDescription",
    "Job",
    "JobDescription",
    "JobStatus",
    "KeytabCredential",
    "PasswordCredential",
    "Path",
    "PathAlreadyExistsException",
    "PathAttributes",
    "PosixFilePermission",
    "PropertyDescription",
    "QueueStatus",
    "ResponseStream",
    "Scheduler",
    "SchedulerAdaptorDescription",
    "Session",
    "SubmitInteractiveJobResponse",
    "UnknownRpcException",
    "UserCredential",
    "XenonError",
    "XenonException",
    "__version__",
    "exceptions",
    "init",
]
