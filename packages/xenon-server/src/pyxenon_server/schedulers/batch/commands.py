"""Run the commands of a batch system on one machine, and turn their failures into errors."""

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

# The script comes over standard input, so its size is not limited and it does not show among the arguments of a process.
_READ = 'eval "$(cat)"'
# For a script that may outlive its connection: it still ends within a known time.
_READ_LIMITED = 'if command -v timeout >/dev/null; then exec timeout -k 5 {seconds} sh -c \'eval "$(cat)"\'; fi; eval "$(cat)"'


@dataclass(frozen=True)
class Answer:
    """The answer to a query: the exit status and the output."""

    status: int
    stdout: str
    stderr: str


class Commands:
    """The commands of a batch system on one machine. It owns *shell*.

    Args:
        dialect: The dialect of the batch system.
        shell: The shell that runs the commands.
        place: The machine's name for error messages, such as ``this machine`` or a host name.
    """

    def __init__(self, dialect: Dialect, shell: Shell, place: str) -> None:
        self.dialect = dialect
        self.shell = shell
        self.place = place

    async def query(self, command: str) -> Answer:
        """Run *command*, one or more shell lines that only read.

        Raises NotConnectedException if the batch system does not answer, CommandNotFoundException if it is not installed, and
        ConnectionLostException if the answer is cut short. The caller judges any other failure by the status.
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
        """Run *command* like :meth:`query` and return its output; raises IOException with its message if it fails."""
        answer = await self.query(command)
        if answer.status:
            words = self.dialect.words(answer.stderr) or f"status {answer.status}"
            raise IOException(f"{self._who()} refused a query: {words}", adaptor=self.dialect.name)
        return answer.stdout

    async def change(self, script: str, seconds: float) -> Completed:
        """Run *script*, which changes something. It is stopped after *seconds*, even if the connection has broken by then."""
        limited = _READ_LIMITED.format(seconds=max(1, round(seconds)))
        text = encoded(self.dialect.clean_environment + script, self.dialect.name)
        return await self.shell.run(limited, stdin=text, timeout=seconds + 10)

    def away(self, stderr: str) -> XenonError:
        """Return the error for a batch system that does not answer; *stderr* is what its command printed."""
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
    """Return *script* as bytes; raises IllegalArgumentException if it contains a lone surrogate."""
    try:
        return script.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        reason = f"the job's script cannot contain the lone surrogate {script[error.start]!r}"
        raise IllegalArgumentException(reason, adaptor=adaptor) from None
