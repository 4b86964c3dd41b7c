"""What the tests of the servers share: a client that is not ours, and a session of its own for tests that break things."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from pyxenon_testing.client import Client
from pyxenon_testing.engine.ownership import Owner
from pyxenon_testing.pytest_session import servers_of
from pyxenon_testing.servers.running import Servers, session_folder
from pyxenon_testing.servers.server import Server

SECONDS_FOR_A_COMMAND = 60


@attrs.frozen
class OpenSsh:
    """OpenSSH's own clients, which trust the host keys of one server alone and read nobody's configuration."""

    server: Server
    config: Path

    def ssh(self, command: str, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run *command* in the login shell of the account."""
        return self._run(["ssh", "-F", str(self.config), "host", command], stdin, check)

    def sftp(self, *commands: str) -> str:
        """Run the *commands* of sftp, and return what it printed."""
        batch = "".join(f"{command}\n" for command in commands)
        return self._run(["sftp", "-F", str(self.config), "-b", "-", "host"], batch.encode(), True).stdout.decode()

    def _run(self, command: list[str], stdin: bytes, check: bool) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=SECONDS_FOR_A_COMMAND)
        assert done.returncode == 0 or not check, done.stderr.decode()
        return done


@pytest.fixture
def openssh(tmp_path: Path) -> Callable[[Server], OpenSsh]:
    """Makes OpenSSH's clients ready for a server, with strict checking of its host key."""

    def make(server: Server) -> OpenSsh:
        known, config = tmp_path / "known_hosts", tmp_path / "ssh_config"
        known.write_text(server.known_hosts)
        settings = {
            "HostName": server.host,
            "Port": server.port,
            "User": server.username,
            "IdentityFile": server.private_key,
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": known,
            "GlobalKnownHostsFile": "/dev/null",
        }
        config.write_text("Host host\n" + "".join(f"    {name} {value}\n" for name, value in settings.items()))
        return OpenSsh(server, config)

    return make


@pytest.fixture
def servers(pytestconfig: pytest.Config, xenon_container: object, tmp_path: Path) -> Iterator[Servers]:
    """A session of its own, on the images of this run: what a test breaks there nobody else uses."""
    shared = servers_of(pytestconfig)
    owner = Owner.this_process(uuid.uuid4().hex)
    own = Servers(session_folder(owner), owner, Client(shared.client.target, tmp_path), shared.base, shared.progress)
    yield own
    own.remove()
