"""OpenSSH: files over SFTP and jobs over ssh; also the base of the clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container
from pyxenon_testing.engine.images import ImageRecipe
from pyxenon_testing.faults import Faults
from pyxenon_testing.servers.kind import Kind, recipe
from pyxenon_testing.servers.login import Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.server import Access, Server

if TYPE_CHECKING:
    import asyncssh

__all__ = ["SSH_IMAGE", "Ssh", "SshKind", "SshServer", "file_access", "job_access"]

PORT = 22
SECONDS_FOR_A_LOGIN = 10
SECONDS_FOR_A_TRY = 15
SSH_IMAGE = recipe("ssh", recipe("common"))
T = TypeVar("T")


@attrs.frozen
class SshServer(Server):
    """A server that clients reach over ssh."""

    def run(self, command: str, stdin: str = "", timeout: float | None = None) -> str:
        """Log in as the account, run *command* in its shell, and return its output; the host key is checked.

        This uses an ssh client without Xenon. Raises RuntimeError with the standard error if the command fails, TimeoutError if it takes
        longer than *timeout* seconds, and ConnectionError if the login fails.
        """
        import asyncssh

        try:
            done = _in_a_loop(asyncio.wait_for(self._log_in_and_run(command, stdin), timeout))
        except TimeoutError:
            raise TimeoutError(f"{command!r} on {self.container.name} took longer than {timeout:g} seconds") from None
        except (OSError, asyncssh.Error) as error:
            raise ConnectionError(f"cannot log in to {self.container.name} to run {command!r}: {error}") from error
        if done.exit_status:
            raise RuntimeError(f"{command!r} on {self.container.name} ended with {done.exit_status}: {str(done.stderr).strip()}")
        return str(done.stdout)

    async def _log_in_and_run(self, command: str, stdin: str) -> asyncssh.SSHCompletedProcess:
        import asyncssh

        known = asyncssh.import_known_hosts(self.known_hosts)
        options: dict[str, Any] = {"known_hosts": known, "config": None, "agent_path": None, "login_timeout": SECONDS_FOR_A_LOGIN}
        keys = [str(self.private_key)] if self.private_key else []
        async with asyncssh.connect(self.host, self.port, username=self.username, client_keys=keys, **options) as connection:
            return await connection.run(command, input=stdin)


SshServerType = TypeVar("SshServerType", bound=SshServer)


class SshKind(Kind[SshServerType]):
    """A kind of server that clients reach over ssh. A subclass defines how a scheduler connects to it."""

    ports = (PORT,)
    daemon: ClassVar[str] = "sshd"
    first_job: ClassVar[str] = "true"
    """A command for the account's shell that shows that jobs are accepted and run."""

    def files(self, options: ServerOptions, login: Login) -> Mapping[str, bytes]:
        """Return the password, the account's public key and the host's keys."""
        keys = {name: key.encode() for name, key in login.host_private_keys.items()}
        return {**super().files(options, login), "authorized_keys": f"{login.public_key}\n".encode(), **keys}

    def facts(self, container: Container, options: ServerOptions, login: Login, client: Client) -> dict[str, Any]:
        """Return the fields that all servers reached over ssh have in common."""
        port = container.ports[PORT]
        return {
            "kind": self.name,
            "container": container,
            "host": "127.0.0.1",
            "port": port,
            "username": login.username,
            "password": login.password,
            "private_key": login.private_key,
            "known_hosts": login.known_hosts("127.0.0.1", port) + login.known_hosts(container.address, PORT),
            "files": file_access(port),
            "client": client,
            "faults": Faults(container, f"/home/{login.username}", self.daemon),
        }

    def probe(self, server: SshServerType) -> str:
        """Log in and run the first job."""
        try:
            server.run(self.first_job, timeout=SECONDS_FOR_A_TRY)
        except TimeoutError:
            return f"a login with a first job took longer than {SECONDS_FOR_A_TRY} seconds"
        except ConnectionError as error:
            return f"a login failed: {error.__cause__}"
        except RuntimeError as error:
            return f"its first job ended with {str(error).rpartition(' ended with ')[2]}"
        return ""


class Ssh(SshKind[SshServer]):
    """OpenSSH alone."""

    name = "ssh"
    takes_configuration = True
    title = "OpenSSH: SFTP, and jobs over ssh"
    image: ClassVar[ImageRecipe] = SSH_IMAGE

    def files(self, options: ServerOptions, login: Login) -> Mapping[str, bytes]:
        """Return the files of all ssh kinds, and the lines to append to ``sshd_config``."""
        return {**super().files(options, login), "sshd.conf": options.configuration.encode()}

    def describe(self, container: Container, options: ServerOptions, login: Login, client: Client) -> SshServer:
        """Return the server in *container*."""
        jobs = (job_access("ssh", container.ports[PORT]),)
        return SshServer(jobs=jobs, **self.facts(container, options, login, client))


def file_access(port: int) -> Access:
    """Return the access to SFTP on *port* of this machine, with strict checking of the host key."""
    return Access("sftp", f"127.0.0.1:{port}", _strict("filesystems.sftp"))


def job_access(adaptor: str, port: int, properties: Mapping[str, str] | None = None) -> Access:
    """Return the access to the scheduler *adaptor* over ssh on *port* of this machine, with strict checking of the host key."""
    prefix = "" if adaptor == "ssh" else "ssh://"
    return Access(adaptor, f"{prefix}127.0.0.1:{port}", {**_strict("schedulers.ssh"), **(properties or {})})


def _strict(adaptor: str) -> dict[str, str]:
    names = {"strictHostKeyChecking": "true", "loadKnownHosts": "true", "loadSshConfig": "false"}
    return {f"xenon.adaptors.{adaptor}.{name}": value for name, value in names.items()}


def _in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of *work*, even if the caller already runs an event loop, as an asynchronous test does.

    An interrupt of the caller, such as Ctrl-C or a test's timeout, cancels the work.
    """
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def go() -> T:
        begun.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    with ThreadPoolExecutor(1, "xenon-testing-ssh") as pool:
        done = pool.submit(asyncio.run, go())
        try:
            return done.result()
        except BaseException:
            if not done.done():
                loop, task = begun.result()
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            raise
