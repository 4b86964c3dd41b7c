"""PyXenon: files and jobs anywhere, through one interface.

::

    import xenon

    with xenon.init():
        with xenon.Scheduler.create("local") as scheduler:
            job = scheduler.submit_batch_job(xenon.JobDescription(executable="hostname"))
            print(scheduler.wait_until_done(job).exit_code)
"""

from __future__ import annotations

from pyxenon import exceptions
from pyxenon.filesystem import FileSystem
from pyxenon.handle import ResponseStream
from pyxenon.namesakes import warn_of_namesakes
from pyxenon.scheduler import Scheduler
from pyxenon.session import Session, init
from pyxenon_core import PathAttributes, __version__
from pyxenon_core.errors import PathAlreadyExistsException, UnknownRpcException, XenonError, XenonException
from pyxenon_core.messages import (
    CertificateCredential,
    CopyOperation,
    CopyRequest,
    CopyStatus,
    CredentialMap,
    DefaultCredential,
    FileSystemAdaptorDescription,
    Job,
    JobDescription,
    JobStatus,
    KeytabCredential,
    PasswordCredential,
    PosixFilePermission,
    PropertyDescription,
    QueueStatus,
    SchedulerAdaptorDescription,
    SubmitInteractiveJobResponse,
    UserCredential,
)
from pyxenon_core.messages import CopyRequestCopyMode as CopyMode
from pyxenon_core.paths import Path

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

warn_of_namesakes()
