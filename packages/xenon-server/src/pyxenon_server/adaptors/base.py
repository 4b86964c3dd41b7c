"""The base classes of adaptors. A package adds one through the entry point group ``xenon.filesystems`` or ``xenon.schedulers``.

An adaptor declares, as attributes of its class, what it takes and what it can; from these follow the checks of a request to open it, the
errors when it does not fit, and the description that ``get_adaptor_descriptions`` answers with. An instance is one open file system or
scheduler. Every method is asynchronous and must not block the event loop; it raises a class of :mod:`pyxenon_core.errors` for what a caller
should be told, with the adaptor filled in by whoever calls it.
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
    """A request to open an adaptor, checked against what the adaptor declares.

    Attributes:
        location: As it was given.
        credential: Who asks; a DefaultCredential when none was given.
        properties: Every property that the adaptor declares, with its value.
        resources: What the adaptors of one server share, such as SSH connections.
    """

    location: str
    credential: Credential = field(repr=False)
    properties: Properties
    resources: Resources = field(repr=False)


class Adaptor(ABC):
    """What file systems and schedulers have in common. *name* is what a request asks for."""

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
        """Connect; raises the error that says why it cannot. Nothing is left open when it raises."""

    async def close(self) -> None:
        """Give back what it holds, and end what it still runs by itself. It is called once."""
        return

    async def is_connected(self) -> bool:
        """Whether it can still be used, or connects again by itself."""
        return True


class FileSystem(Adaptor):
    """An open file system.

    Paths are texts, absolute, with neither ``.`` nor repeated separators in them; ``..`` is left to the file system. A symbolic link is
    followed where POSIX follows one: in all but its last part always, in its last part by everything except :meth:`attributes`,
    :meth:`delete`, :meth:`delete_tree`, :meth:`rename`, :meth:`read_symbolic_link` and :meth:`write`, which replaces the link where it may
    replace.

    Attributes:
        is_local: True where its paths are those of the machine that the server runs on, so that another adaptor may open its files itself.
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
        """The description of the adaptor."""
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
        """The absolute path that relative ones are resolved against when nobody has set a working directory."""

    @abstractmethod
    async def attributes(self, path: str) -> PathAttributes:
        """What is at *path*; a symbolic link is told of itself. Raises NoSuchPathException when nothing is there."""

    @abstractmethod
    def list(self, path: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
        """List the directory *path* in batches as they come, without ``.`` and ``..``. Nothing stays open when it is closed early.

        Raises NoSuchPathException, and InvalidPathException when it is no directory.
        """

    @abstractmethod
    def read(self, path: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Read the file *path*, or a range of it, in pieces. Nothing stays open when it is closed early.

        The bytes are those of the slice ``content[offset:][:length]``: a negative *offset* counts from the end, and where the range leaves
        the file there are fewer bytes, or none. The end is where the file's size has it when reading begins, so that a negative *offset*
        gives all of a file that tells no size, as in ``/proc``. Only the range is fetched. Whoever calls it sees to it that *length* is not
        negative.

        Raises NoSuchPathException, and InvalidPathException when it is not a file.
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
        """Make the file *path* of *data*, all or nothing.

        When *data* raises or this is cancelled, what was at *path* before is there still. *size* is the number of bytes where it is known,
        else 0. *permissions* are exactly those that the file has when it appears at *path*, whatever it replaces, and others have no more
        from its first byte on. None stands for the usual ones: of the file that it replaces, else those that the system gives a new one.
        They are given only to file systems with ``supports_setting_posix_permissions``.

        Raises PathAlreadyExistsException, before *data* is asked for its first piece, when something is there and *replace* is False (then
        it is never overwritten, not even when it has come meanwhile); NoSuchPathException when there is no directory for it;
        InvalidPathException when *path* is a directory.
        """

    @abstractmethod
    async def create_file(self, path: str) -> None:
        """Make an empty file; raises PathAlreadyExistsException when something is there."""

    @abstractmethod
    async def create_directory(self, path: str) -> None:
        """Make a directory in one that exists; raises PathAlreadyExistsException when something is there."""

    @abstractmethod
    async def delete(self, path: str) -> None:
        """Delete a file, a link or an empty directory; raises NoSuchPathException, and DirectoryNotEmptyException."""

    async def delete_tree(self, path: str) -> None:
        """Delete *path*, and all that is in it when it is a directory. A link is deleted and not followed.

        What others delete meanwhile is not an error. Raises NoSuchPathException when nothing is at *path*. This one lists and deletes;
        override it for a file system that deletes a tree in one step, or without following what is swapped in meanwhile.
        """
        await trees.delete_tree(self, path)

    async def append(self, path: str, data: AsyncIterator[bytes]) -> None:
        """Add *data* to the end of the file *path*, which must exist."""
        raise self._unsupported("append to a file")

    async def rename(self, source: str, target: str) -> None:
        """Give *source* the path *target*; raises PathAlreadyExistsException when something is there, which is left as it is."""
        raise self._unsupported("rename")

    async def create_symbolic_link(self, link: str, target: str) -> None:
        """Make a link at *link* that points to the text *target*; raises PathAlreadyExistsException when something is at *link*."""
        raise self._unsupported("make symbolic links")

    async def read_symbolic_link(self, path: str) -> str:
        """The text that the link at *path* points to; raises InvalidPathException when it is no link."""
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
        """Copy the file *source* of *origin* to *target*, as :meth:`write` would, in a way that is faster than to stream it.

        Gives False, with nothing changed, when there is no such way. *progress* is told of every number of bytes that has been copied.
        *permissions* are as in :meth:`write`; None are those of *source* where others may not read it, else the usual ones.
        """
        return False

    async def checksum(self, path: str, algorithm: str) -> str | None:
        """Return the checksum of the file *path* in hexadecimal digits, computed where the file is.

        *algorithm* is a name of ``hashlib``, such as ``sha256``. Gives None when the file system cannot compute it without sending the
        content, for this algorithm or at all: whoever wants it reads the file. Raises what :meth:`read` raises.
        """
        return None

    async def exists(self, path: str) -> bool:
        """Whether something is at *path*; a link that points nowhere is something."""
        try:
            await self.attributes(path)
        except NoSuchPathException:
            return False
        return True

    def _unsupported(self, what: str) -> UnsupportedOperationException:
        return UnsupportedOperationException(f"this adaptor cannot {what}", adaptor=self.name)


class Scheduler(Adaptor):
    """An open scheduler. Jobs are known by the texts that :meth:`submit` gives."""

    is_embedded: ClassVar[bool] = False
    supports_interactive: ClassVar[bool] = False
    supports_batch: ClassVar[bool] = True
    uses_file_system: ClassVar[bool] = True

    @classmethod
    def describe(cls) -> SchedulerAdaptorDescription:
        """The description of the adaptor."""
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
        """The queues, in the scheduler's own order."""

    @abstractmethod
    async def default_queue_name(self) -> str:
        """The queue of a job that names none."""

    async def default_runtime(self) -> int:
        """Minutes that a job may run when it does not say; 0 when there is no such limit, or nobody knows."""
        return 0

    @abstractmethod
    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        """The jobs in *queues*, in all of them when it is empty; raises NoSuchQueueException."""

    @abstractmethod
    async def queue_state(self, queue: str) -> QueueState:
        """What is known of a queue; raises NoSuchQueueException."""

    async def queue_states(self, queues: Sequence[str]) -> Sequence[QueueState]:
        """As :meth:`queue_state` for each of *queues*, or for all; what fails is told in the state."""
        names = queues or await self.queue_names()
        return await asyncio.gather(*(self._queue_state(name) for name in names))

    @abstractmethod
    async def submit(self, description: JobDescription) -> str:
        """Submit a batch job, exactly once, and give its id.

        Raises NoSuchQueueException, and the exceptions for job descriptions. Any other error says whether a job may have been submitted.
        """

    async def converse(self, description: JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        """Start an interactive job: its id, and what it prints, as it comes. When the iterator is closed early the job is cancelled."""
        raise UnsupportedOperationException("this adaptor cannot run interactive jobs", adaptor=self.name)

    @abstractmethod
    async def job_state(self, job: str) -> JobState:
        """What is known of a job; raises NoSuchJobException for an id that this scheduler never gave, or that nothing is known of."""

    async def job_states(self, jobs: Sequence[str]) -> Sequence[JobState]:
        """As :meth:`job_state` for each of *jobs*, in one query where that can be; what fails is told in the state."""
        return await asyncio.gather(*(self._job_state(job) for job in jobs))

    @abstractmethod
    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        """Wait until *happened* is true of the job's state, or *timeout* seconds have passed, and give the last state."""

    @abstractmethod
    async def cancel(self, job: str) -> JobState:
        """Ask for the end of a job, and give its state afterwards. A job that has ended stays as it is."""

    async def file_system(self) -> FileSystem:
        """A file system on the machine where the scheduler is, opened anew for the caller, who closes it."""
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
