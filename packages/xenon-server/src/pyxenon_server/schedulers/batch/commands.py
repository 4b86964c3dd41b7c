"""Run the commands of a batch system at a place, and tell what their failures mean."""

from __future__ import annotations

from dataclasses import dataclass

from pyxenon_core.errors import (
    CommandNotFoundException,
    ConnectionLostException,
    IllegalArgumentException,
    IOException,
    NotConnectedException,
    XenonError,
)
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.tags import new_token
from pyxenon_server.shells.base import Completed, Shell

__all__ = ["Answer", "Commands", "encoded"]

_NOT_FOUND = 127
_SECONDS_FOR_A_QUERY = 120.0

# The script comes over standard input: there is no limit to its size then, and nobody sees it among the arguments of a process.
_READ = 'eval "$(cat)"'
# A script that may outlive the connection over which it came: it ends within a known time all the same.
_READ_LIMITED = 'if command -v timeout >/dev/null; then exec timeout -k 5 {seconds} sh -c \'eval "$(cat)"\'; fi; eval "$(cat)"'


@dataclass(frozen=True)
class Answer:
    """The answer to a query: its status and what was printed."""

    status: int
    stdout: str
    stderr: str


class Commands:
    """The commands of a batch system at a place. It owns *shell*.

    Args:
        dialect: Its words.
        shell: Where they run.
        place: What people call the place, as ``this machine`` or a host's name.
    """

    def __init__(self, dialect: Dialect, shell: Shell, place: str) -> None:
        self.dialect = dialect
        self.shell = shell
        self.place = place

    async def query(self, command: str) -> Answer:
        """Run *command*, a line or more of shell that asks something.

        Raises NotConnectedException when the batch system does not answer, CommandNotFoundException when it is not there, and
        ConnectionLostException when the answer is cut short. Any other failure is for the caller to judge by the status.
        """
        end = new_token()
        script = f"{self.dialect.clean_environment}{self.dialect.clean_query}{command}\nprintf '%s %d' {end} $?\n"
        completed = await self.shell.run(_READ, stdin=encoded(script, self.dialect.name), timeout=_SECONDS_FOR_A_QUERY)
        answer = self._whole(completed, end)
        if answer.status == _NOT_FOUND:
            raise self._not_found(answer.stderr)
        if answer.status and self.dialect.classify(answer.status, answer.stdout, answer.stderr).is_away:
            raise self.away(answer.stderr)
        return answer

    async def ask(self, command: str) -> str:
        """As :meth:`query`, for a command that has no reason to fail: what it printed. Raises IOException with its words when it does."""
        answer = await self.query(command)
        if answer.status:
            words = self.dialect.words(answer.stderr) or f"status {answer.status}"
            raise IOException(f"{self._who()} refused a query: {words}", adaptor=self.dialect.name)
        return answer.stdout

    async def change(self, script: str, seconds: float) -> Completed:
        """Run *script*, which changes something; it has ended *seconds* after it began, whether anybody still listens or not."""
        limited = _READ_LIMITED.format(seconds=max(1, round(seconds)))
        text = encoded(self.dialect.clean_environment + script, self.dialect.name)
        return await self.shell.run(limited, stdin=text, timeout=seconds + 10)

    def away(self, stderr: str) -> XenonError:
        """Return the error for a batch system that does not answer, as *stderr* says."""
        reason = f"{self._who()} does not answer: {self.dialect.words(stderr)}"
        return NotConnectedException(reason, adaptor=self.dialect.name, hint=self.dialect.how_to_check)

    def _whole(self, completed: Completed, end: str) -> Answer:
        stderr = completed.stderr.decode("utf-8", "replace")
        stdout, mark, status = completed.stdout.decode("utf-8", "replace").rpartition(f"{end} ")
        if not mark or not status.isdigit():
            said = self.dialect.words(stderr)
            reason = f"the answer from {self._who()} was cut short{f': {said}' if said else ''}"
            raise ConnectionLostException(reason, adaptor=self.dialect.name)
        return Answer(int(status), stdout, stderr)

    def _not_found(self, stderr: str) -> XenonError:
        reason = f"the commands of {self.dialect.title} were not found on {self.place}: {self.dialect.words(stderr)}"
        return CommandNotFoundException(reason, adaptor=self.dialect.name)

    def _who(self) -> str:
        return f"{self.dialect.title} on {self.place}"


def encoded(script: str, adaptor: str) -> bytes:
    """Return *script* as bytes; raises IllegalArgumentException for what no script can hold."""
    try:
        return script.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise IllegalArgumentException(f"the job's script cannot contain the lone surrogate {script[error.start]!r}", adaptor=adaptor) from None
