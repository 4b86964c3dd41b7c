"""The base classes of adaptors. A package adds one through the entry point group ``xenon.filesystems`` or ``xenon.schedulers``.

An adaptor declares its locations, credentials, properties and abilities as class attributes. The server derives from these the checks of a
request to open it, the errors when the request does not fit, and the description returned by ``get_adaptor_descriptions``. An instance is
one open file system or scheduler. Every method is asynchronous and must not block the event loop. To tell the caller what went wrong, it
raises a class of :mod:`pyxenon_core.errors`; the calling code fills in the adaptor's name.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pyxenon_core.errors import NoSuchPathException, UnsupportedOperationException, XenonError
from pyxenon_core.messages import (
    FileSystemAdaptorDescription,
    JobDescription,
    PathAttributes,
    PosixFilePermission,
    SchedulerAdaptorDescription,
)
from pyxenon_server.adaptors import trees
from pyxenon_server.adaptors.credentials import Credential
from pyxenon_server.adaptors.job_state import JobState, QueueState
from pyxenon_server.adaptors.properties import Properties, Property
from pyxenon_server.shells.base import Output

if TYPE_CHECKING:
    from pyxenon_server.adaptors.resources import Resources

from typing import Self

__all__ = ["Adaptor", "FileSystem", "OpenRequest", "Progress", "Scheduler"]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class OpenRequest:
    """A request to open an adaptor, checked against the adaptor's declarations.

    Attributes:
        location: The location as the caller gave it.
        credential: The caller's credential; a DefaultCredential if none was given.
        properties: Every property that the adaptor declares, with its value.
        resources: Resources shared by the adaptors of one server, such as SSH connections.
    """

    location: str
    credential: Credential = field(repr=False)
    properties: Properties
    resources: Resources = field(repr=False)


class Adaptor(ABC):
    """Base class of file systems and schedulers. A request selects an adaptor by its *name*."""

    name: ClassVar[str]
    description: ClassVar[str]
    locations: ClassVar[tuple[str, ...]]
    credentials: ClassVar[tuple[str, ...]] = ("DefaultCredential",)
    properties: ClassVar[tuple[Property[Any], ...]] = ()

    def __init__(self, request: OpenRequest) -> None:
        self.request = request

    @classmethod
    @abstractmethod
    async def open(cls, request: OpenRequest) -> Self:
        """Connect and return the open adaptor. If connecting fails, raise an error that gives the cause, and leave nothing open."""

    async def close(self) -> None:
        """Release all resources and stop background work. Called once."""
        return

    async def is_connected(self) -> bool:
        """Return True if the adaptor is usable or reconnects on its own."""
        return True


class FileSystem(Adaptor):
    """An open file system.

    Paths are absolute strings without ``.`` and without repeated separators; the file system resolves ``..``. Symbolic links are followed
    as in POSIX: always in all parts of a path but the last, and in the last part by all methods except :meth:`attributes`, :meth:`delete`,
    :meth:`delete_tree`, :meth:`rename`, :meth:`read_symbolic_link` and :meth:`write`, which replaces the link if it is allowed to replace.

    Attributes:
        is_local: True if the paths are on the machine that the server runs on, so that another adaptor may open the files directly.
    """

    is_local: ClassVar[bool] = False
    separator: ClassVar[str] = "/"
    supports_third_party_copy: ClassVar[bool] = False
    can_create_symboliclinks: ClassVar[bool] = False
    can_read_symboliclinks: ClassVar[bool] = False
    is_connectionless: ClassVar[bool] = False
    supports_reading_posix_permissions: ClassVar[bool] = False
    supports_setting_posix_permissions: ClassVar[bool] = False
    supports_rename: ClassVar[bool] = False
    can_append: ClassVar[bool] = False
    needs_size_beforehand: ClassVar[bool] = False

    @classmethod
    def describe(cls) -> FileSystemAdaptorDescription:
        """Return the adaptor's description."""
        return FileSystemAdaptorDescription(
            name=cls.name,
            description=cls.description,
            supported_locations=list(cls.locations),
            supported_credentials=list(cls.credentials),
            supported_properties=[item.describe() for item in cls.properties],
            supports_third_party_copy=cls.supports_third_party_copy,
            can_create_symboliclinks=cls.can_create_symboliclinks,
            can_read_symboliclinks=cls.can_read_symboliclinks,
            is_connectionless=cls.is_connectionless,
            supports_reading_posix_permissions=cls.supports_reading_posix_permissions,
            supports_setting_posix_permissions=cls.supports_setting_posix_permissions,
            supports_rename=cls.supports_rename,
            can_append=cls.can_append,
            needs_size_beforehand=cls.needs_size_beforehand,
        )

    @abstractmethod
    async def start_directory(self) -> str:
        """Return the absolute path against which relative paths are resolved while no working directory is set."""

    @abstractmethod
    async def attributes(self, path: str) -> PathAttributes:
        """Return the attributes of *path*, or of the link itself if it is one. Raises NoSuchPathException if *path* does not exist."""

    @abstractmethod
    def list(self, path: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
        """Yield the entries of the directory *path* in batches, without ``.`` and ``..``. Closing the generator early leaves nothing open.

        Raises NoSuchPathException, and InvalidPathException if *path* is not a directory.
        """

    @abstractmethod
    def read(self, path: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the content of the file *path*, or a range of it, in pieces. Closing the generator early leaves nothing open.

        The bytes are those of the slice ``content[offset:][:length]``: a negative *offset* counts from the end, and a range that extends
        beyond the file yields fewer bytes, or none. A negative *offset* is relative to the file's size when reading begins, so for a file
        that reports no size, such as those in ``/proc``, it yields the whole file. Only the range is fetched. The caller ensures that
        *length* is not negative.

        Raises NoSuchPathException, and InvalidPathException if *path* is not a file.
        """

    @abstractmethod
    async def write(
        self,
        path: str,
        data: AsyncIterator[bytes],
        *,
        replace: bool = False,
        size: int = 0,
        permissions: Iterable[PosixFilePermission] | None = None,
    ) -> None:
        """Write *data* to the file *path*, all or nothing.

        If *data* raises or the call is cancelled, *path* stays as it was. *size* is the number of bytes if known, else 0. The file has
        exactly *permissions* when it appears at *path*, whatever it replaces, and grants others no more than these from its first byte on.
        None stands for the usual permissions: those of the file that is replaced, else those that the system gives a new file.
        *permissions* are only passed to file systems with ``supports_setting_posix_permissions``.

        Raises PathAlreadyExistsException, before the first piece of *data* is requested, if *path* exists and *replace* is False (it is
        then never overwritten, even if it is created during the call); NoSuchPathException if the parent directory does not exist;
        InvalidPathException if *path* is a directory.
        """

    @abstractmethod
    async def create_file(self, path: str) -> None:
        """Create an empty file. Raises PathAlreadyExistsException if *path* exists."""

    @abstractmethod
    async def create_directory(self, path: str) -> None:
        """Create a directory in an existing one. Raises PathAlreadyExistsException if *path* exists."""

    @abstractmethod
    async def delete(self, path: str) -> None:
        """Delete a file, a link or an empty directory. Raises NoSuchPathException and DirectoryNotEmptyException."""

    async def delete_tree(self, path: str) -> None:
        """Delete *path* and, if it is a directory, everything in it. Links are deleted, not followed.

        Entries that others delete during the call are not an error. Raises NoSuchPathException if *path* does not exist. The default
        implementation lists and deletes; override it for a file system that deletes a tree in one step, or that can rule out following a
        link which replaces a directory during the call.
        """
        await trees.delete_tree(self, path)

    async def append(self, path: str, data: AsyncIterator[bytes]) -> None:
        """Add *data* to the end of the file *path*, which must exist."""
        raise self._unsupported("append to a file")

    async def rename(self, source: str, target: str) -> None:
        """Rename *source* to *target*. Raises PathAlreadyExistsException if *target* exists, and leaves it unchanged."""
        raise self._unsupported("rename")

    async def create_symbolic_link(self, link: str, target: str) -> None:
        """Create a link at *link* that points to the text *target*. Raises PathAlreadyExistsException if *link* exists."""
        raise self._unsupported("make symbolic links")

    async def read_symbolic_link(self, path: str) -> str:
        """Return the text that the link at *path* points to. Raises InvalidPathException if *path* is not a link."""
        raise self._unsupported("read symbolic links")

    async def set_permissions(self, path: str, permissions: Iterable[PosixFilePermission]) -> None:
        """Set the permissions of *path* to exactly *permissions*."""
        raise self._unsupported("set permissions")

    async def copy_here(
        self,
        origin: FileSystem,
        source: str,
        target: str,
        replace: bool,
        progress: Progress,
        permissions: Iterable[PosixFilePermission] | None = None,
    ) -> bool:
        """Copy the file *source* of *origin* to *target*, with the guarantees of :meth:`write`, faster than by streaming it.

        Returns False, with nothing changed, if no faster way exists. *progress* is called with each number of bytes copied. *permissions*
        are as in :meth:`write`; None stands for those of *source* if others may not read it, else for the usual ones.
        """
        return False

    async def checksum(self, path: str, algorithm: str) -> str | None:
        """Return the checksum of the file *path* in hexadecimal digits, computed where the file is.

        *algorithm* is a name from ``hashlib``, such as ``sha256``. Returns None if the file system cannot compute the checksum without
        sending the content, for this algorithm or at all; the caller must then read the file. Raises the same errors as :meth:`read`.
        """
        return None

    async def exists(self, path: str) -> bool:
        """Return True if *path* exists. A dangling link exists."""
        try:
            await self.attributes(path)
        except NoSuchPathException:
            return False
        return True

    def _unsupported(self, what: str) -> UnsupportedOperationException:
        return UnsupportedOperationException(f"this adaptor cannot {what}", adaptor=self.name)


class Scheduler(Adaptor):
    """An open scheduler. Jobs are identified by the ids that :meth:`submit` returns."""

    is_embedded: ClassVar[bool] = False
    supports_interactive: ClassVar[bool] = False
    supports_batch: ClassVar[bool] = True
    uses_file_system: ClassVar[bool] = True

    @classmethod
    def describe(cls) -> SchedulerAdaptorDescription:
        """Return the adaptor's description."""
        return SchedulerAdaptorDescription(
            name=cls.name,
            description=cls.description,
            supported_locations=list(cls.locations),
            supported_credentials=list(cls.credentials),
            supported_properties=[item.describe() for item in cls.properties],
            is_embedded=cls.is_embedded,
            supports_interactive=cls.supports_interactive,
            supports_batch=cls.supports_batch,
            uses_file_system=cls.uses_file_system,
        )

    @abstractmethod
    async def queue_names(self) -> Sequence[str]:
        """Return the names of the queues, in the scheduler's own order."""

    @abstractmethod
    async def default_queue_name(self) -> str:
        """Return the queue of jobs that do not name one."""

    async def default_runtime(self) -> int:
        """Return the time limit in minutes of jobs that do not set one; 0 if there is none or it is unknown."""
        return 0

    @abstractmethod
    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        """Return the ids of the jobs in *queues*, or in all queues if it is empty. Raises NoSuchQueueException."""

    @abstractmethod
    async def queue_state(self, queue: str) -> QueueState:
        """Return the queue's state. Raises NoSuchQueueException."""

    async def queue_states(self, queues: Sequence[str]) -> Sequence[QueueState]:
        """Return the states of *queues*, or of all queues if it is empty. A failure is reported in the queue's state."""
        names = queues or await self.queue_names()
        return await asyncio.gather(*(self._queue_state(name) for name in names))

    @abstractmethod
    async def submit(self, description: JobDescription) -> str:
        """Submit a batch job, exactly once, and return its id.

        Raises NoSuchQueueException, and the exceptions for job descriptions. Any other error states whether a job may have been submitted.
        """

    async def converse(self, description: JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        """Start an interactive job; return its id and an iterator over its output. Closing the iterator early cancels the job."""
        raise UnsupportedOperationException("this adaptor cannot run interactive jobs", adaptor=self.name)

    @abstractmethod
    async def job_state(self, job: str) -> JobState:
        """Return the job's state. Raises NoSuchJobException for an id that this scheduler never issued or knows nothing about."""

    async def job_states(self, jobs: Sequence[str]) -> Sequence[JobState]:
        """Return the states of *jobs*, from one query if possible. A failure is reported in the job's state."""
        return await asyncio.gather(*(self._job_state(job) for job in jobs))

    @abstractmethod
    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        """Wait until *happened* returns True for the job's state or *timeout* seconds have passed; return the latest state."""

    @abstractmethod
    async def cancel(self, job: str) -> JobState:
        """Request cancellation of a job and return its state afterwards. A job that has ended is unaffected."""

    async def file_system(self) -> FileSystem:
        """Open a new file system on the scheduler's machine. The caller must close it."""
        raise UnsupportedOperationException("this adaptor has no file system", adaptor=self.name)

    async def _job_state(self, job: str) -> JobState:
        try:
            return await self.job_state(job)
        except XenonError as error:
            return JobState.failed(job, error)

    async def _queue_state(self, queue: str) -> QueueState:
        try:
            return await self.queue_state(queue)
        except XenonError as error:
            return QueueState(queue, error=error)
