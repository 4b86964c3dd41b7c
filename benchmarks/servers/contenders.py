"""Who is measured, each in a process of its own."""

from __future__ import annotations

import shutil

from benchmarks.contenders import Answering, Contender, ContenderError, Process
from benchmarks.servers.ground import Ground
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["EMBEDDED", "JAVA", "JAVA_ASKED_OFTEN", "OPENSSH", "PLAIN", "SHELL", "TITLES", "Sftp", "worker"]

EMBEDDED = "embedded"
JAVA = "java"
JAVA_ASKED_OFTEN = "java-asked-often"
PLAIN = "plain"
OPENSSH = "openssh"
SHELL = "shell"
TITLES = {
    EMBEDDED: "embedded",
    JAVA: "the Java server",
    JAVA_ASKED_OFTEN: "the Java server, asked often",
    PLAIN: "plain Python",
    OPENSSH: "OpenSSH's `sftp`",
    SHELL: "a loop of `sbatch`",
}

_SECONDS = 300.0


def worker(name: str, ground: Ground) -> Answering:
    """A process that does the tasks of :mod:`benchmarks.servers.tasks`, through the server *name* or, as ``plain``, through none."""
    contender = Contender(name)
    target = "" if name == PLAIN else ground.target(name)
    return Answering(contender, contender.command("benchmarks.servers.worker", target), ground.folder / f"{name}.log")


class Sftp(Process):
    """OpenSSH's ``sftp``, logged in to *server* and waiting for commands. Its own defaults hold, whatever the user has configured."""

    def __init__(self, server: SshServer, ground: Ground) -> None:
        if shutil.which("sftp") is None:
            raise ContenderError("there is no program sftp here; install OpenSSH's client")
        options = {
            "UserKnownHostsFile": str(ground.known_hosts),
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        login = ["-i", str(server.private_key), "-P", str(server.port), f"{server.username}@{server.host}"]
        super().__init__(Contender(OPENSSH), ["sftp", "-q", "-F", "/dev/null", "-b", "-", *words, *login], ground.folder / "openssh.log")
        self._number = 0
        self.do("pwd")

    def do(self, *commands: str) -> None:
        """Have *commands* done; raises ContenderError when one of them fails, which ends the program."""
        self._number += 1
        done = f"done-{self._number}"
        for command in (*commands, f"!echo {done}"):
            self.write_line(command)
        while self.read_line(_SECONDS) != done:
            pass
