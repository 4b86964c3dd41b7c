"""Where the tests run: an adaptor on a server, with the machine behind it, and the handles that tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

import xenon
from conformance.grounds import Ground, LocalGround, SshGround
from conformance.servers import JAVA, SERVERS, Servers
from pyxenon_testing.servers.server import Access
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["ALL", "FILES", "JOBS", "Place", "Places", "needs", "on"]

FILE_ADAPTORS = ("file", "sftp")
JOB_ADAPTORS = ("local", "ssh", "slurm")
_FIXTURES = {"sftp": "xenon_ssh", "ssh": "xenon_ssh", "slurm": "xenon_slurm"}
# xenon-grpc 3.0.1 looks at its jobs over ssh once a second when it is not told otherwise.
_IMPATIENT = {"ssh": {"xenon.adaptors.schedulers.ssh.queue.pollingDelay": "100"}}


def on(*adaptors: str, servers: tuple[str, ...] = SERVERS, without: tuple[tuple[str, str], ...] = ()) -> Any:
    """The mark of tests that run on *adaptors* of *servers*."""
    places = [(server, adaptor) for server in servers for adaptor in adaptors if (server, adaptor) not in without]
    return pytest.mark.parametrize(
        ("server", "adaptor"), [pytest.param(*place, id="-".join(place), marks=needs(*place)) for place in places]
    )


def needs(server: str, adaptor: str = "") -> list[pytest.MarkDecorator]:
    """The marks of a test on *adaptor* of *server*: what it cannot run without."""
    java = [pytest.mark.java] if server == JAVA else []
    return [*java, pytest.mark.xenon_docker] if adaptor in _FIXTURES else java


FILES = on(*FILE_ADAPTORS)
# xenon-grpc 3.0.1 cannot open a Slurm of today; that it cannot is one row, and not one for each test.
JOBS = on(*JOB_ADAPTORS, without=((JAVA, "slurm"),))
ALL = on(*FILE_ADAPTORS, *JOB_ADAPTORS, without=((JAVA, "slurm"),))


@attrs.frozen
class Place:
    """An adaptor on a server.

    Attributes:
        server: The server's name.
        adaptor: The adaptor's name.
        ground: The machine behind the adaptor.
        location: The location to give it, without a working directory.
        properties: The properties to give it.
        credential: The argument of ``create`` that logs in, by its name; empty where none is needed.
        host: The host in Docker; None for adaptors of this machine.
    """

    server: str
    adaptor: str
    ground: Ground
    location: str = ""
    properties: Mapping[str, str] = attrs.field(factory=dict)
    credential: Mapping[str, Any] = attrs.field(factory=dict)
    host: SshServer | None = None

    @property
    def is_for_files(self) -> bool:
        """Whether the adaptor is for file systems."""
        return self.adaptor in FILE_ADAPTORS

    @property
    def tenths_to_end(self) -> int:
        """The tenths of a second that its processes get to end: few on the server that is known to let them live on."""
        return 15 if self.server == JAVA else 300

    @property
    def kind(self) -> type[xenon.FileSystem] | type[xenon.Scheduler]:
        """The class whose ``create`` opens it."""
        return xenon.FileSystem if self.is_for_files else xenon.Scheduler

    def create(self, path: str = "", **changes: Any) -> Any:
        """A new file system or scheduler, perhaps with the working directory *path*; *changes* replace what is given otherwise.

        A change that is no argument of ``create`` but a mapping called ``credential`` is the credential.
        """
        credential = changes.pop("credential", self.credential)
        given = {"location": self.location + path, "properties": dict(self.properties), **credential, **changes}
        return self.kind.create(self.adaptor, **given)


class Places:
    """Every place, and one open handle for each, which is for tests that do not change it."""

    def __init__(self, servers: Servers, local: LocalGround, fixture: Callable[[str], Any]) -> None:
        self._servers = servers
        self._local = local
        self._fixture = fixture
        self._grounds: dict[str, SshGround] = {}
        self._handles: dict[tuple[str, str], Any] = {}

    def get(self, server: str, adaptor: str) -> Place:
        """The place of *adaptor* on *server*."""
        if adaptor not in _FIXTURES:
            return Place(server, adaptor, self._local)
        host: SshServer = self._fixture(_FIXTURES[adaptor])
        if host.kind not in self._grounds:
            self._servers.learn(host)
            self._grounds[host.kind] = SshGround(host)
        access = _access(host, adaptor)
        properties = {**access.properties, **_IMPATIENT.get(adaptor, {})}
        key = {"certificate_credential": xenon.CertificateCredential(username=host.username, certfile=str(host.private_key))}
        return Place(server, adaptor, self._grounds[host.kind], access.location, properties, key, host)

    def handle(self, place: Place) -> Any:
        """The file system or scheduler that tests share."""
        key = (place.server, place.adaptor)
        if key not in self._handles:
            self._handles[key] = place.create()
        return self._handles[key]

    def close(self) -> None:
        """Close the handles, and log out."""
        for handle in self._handles.values():
            handle.close()
        for ground in self._grounds.values():
            ground.close()


def _access(host: SshServer, adaptor: str) -> Access:
    ways = [way for way in (host.files, *host.jobs) if way is not None and way.adaptor == adaptor]
    return ways[0]
