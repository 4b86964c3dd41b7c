"""How commands of Slurm are run at a place, and what their failures mean."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from pyxenon_core.errors import (
    CommandNotFoundException,
    ConnectionLostException,
    IllegalArgumentException,
    IOException,
    NotConnectedException,
    XenonError,
)
from pyxenon_server.shells.base import Completed, Shell

__all__ = ["NAME", "Answer", "Commands", "controller_is_away", "encoded", "new_token", "words_of"]

NAME = "slurm"
_NOT_FOUND = 127
_SECONDS_FOR_A_QUERY = 120.0

# The script comes over standard input: there is no limit to its size then, and nobody sees it among the arguments of a process.
_READ = 'eval "$(cat)"'
# A script that may outlive the connection over which it came: it ends within a known time all the same.
_READ_LIMITED = 'if command -v timeout >/dev/null; then exec timeout -k 5 {seconds} sh -c \'eval "$(cat)"\'; fi; eval "$(cat)"'

# Within a job of another cluster's, or of this one, the variables that describe that job would be taken for options.
OUTSIDE_ANY_JOB = """
if [ -n "${SLURM_JOB_ID-}${SLURM_JOBID-}" ]; then
for _xn in $(env | sed -n 's/^\\(SLURM_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
case $_xn in SLURM_CONF|SLURM_CLUSTERS|SLURM_CONF_SERVER) ;; *) unset "$_xn" ;; esac
done
fi
"""
# What a profile may have set to make the commands print something else. Times are in seconds since 1970, lists of array elements whole.
_PLAIN_QUERIES = """
for _xn in $(env | sed -n 's/^\\(SQUEUE_[A-Z_]*\\|SINFO_[A-Z_]*\\|SACCT_[A-Z_]*\\|SLURM_[A-Z]*FORMAT\\)=.*/\\1/p'); do unset "$_xn"; done
export SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0 LC_ALL=C
"""

_AWAY = re.compile(
    "unable to contact|connect failure|socket timed out|zero bytes|timed out|timeout|authentication|auth_g_|munge|communication"
    "|connection (refused|reset|closed)|not connected|standby mode|no route to host|rate limit|temporarily|unexpected message"
    "|incomplete|problem talking|can't be reached",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:\[[^\]]*\] )?(?:sbatch|srun|scancel|squeue|sacct|sinfo|scontrol|slurm_\w+)(?: error)?: ?(?:error: |fatal: )?")


@dataclass(frozen=True)
class Answer:
    """What a query printed, and how it ended."""

    status: int
    stdout: str
    stderr: str


class Commands:
    """The commands of Slurm at a place. It owns *shell*.

    Args:
        shell: Where they run.
        place: What people call the place, as ``this machine`` or a host's name.
    """

    def __init__(self, shell: Shell, place: str) -> None:
        self.shell = shell
        self.place = place

    async def query(self, command: str) -> Answer:
        """Run *command*, a line or more of shell that asks something.

        Raises NotConnectedException when Slurm does not answer, CommandNotFoundException when it is not there, and
        ConnectionLostException when the answer is cut short. Any other failure is for the caller to judge by the status.
        """
        end = new_token()
        script = f"{OUTSIDE_ANY_JOB}{_PLAIN_QUERIES}{command}\nprintf '%s %d' {end} $?\n"
        completed = await self.shell.run(_READ, stdin=encoded(script), timeout=_SECONDS_FOR_A_QUERY)
        answer = self._whole(completed, end)
        if answer.status == _NOT_FOUND:
            raise self._not_found(answer.stderr)
        if answer.status and controller_is_away(answer.stderr):
            raise self.away(answer.stderr)
        return answer

    async def ask(self, command: str) -> str:
        """As :meth:`query`, for a command that has no reason to fail: what it printed. Raises IOException with its words when it does."""
        answer = await self.query(command)
        if answer.status:
            raise IOException(
                f"Slurm on {self.place} refused a query: {words_of(answer.stderr) or f'status {answer.status}'}", adaptor=NAME
            )
        return answer.stdout

    async def change(self, script: str, seconds: float) -> Completed:
        """Run *script*, which changes something; it has ended *seconds* after it began, whether anybody still listens or not."""
        limited = _READ_LIMITED.format(seconds=max(1, round(seconds)))
        return await self.shell.run(limited, stdin=encoded(OUTSIDE_ANY_JOB + script), timeout=seconds + 10)

    def away(self, stderr: str) -> XenonError:
        """The error for a Slurm that does not answer, as *stderr* says."""
        return NotConnectedException(
            f"Slurm on {self.place} does not answer: {words_of(stderr)}",
            adaptor=NAME,
            hint="Check with `sinfo` there whether the controller is up, and try again; jobs go on without it.",
        )

    def _whole(self, completed: Completed, end: str) -> Answer:
        stderr = completed.stderr.decode("utf-8", "replace")
        stdout, mark, status = completed.stdout.decode("utf-8", "replace").rpartition(f"{end} ")
        if not mark or not status.isdigit():
            said = words_of(stderr)
            reason = f"the answer of Slurm on {self.place} was cut short{f': {said}' if said else ''}"
            raise ConnectionLostException(reason, adaptor=NAME)
        return Answer(int(status), stdout, stderr)

    def _not_found(self, stderr: str) -> XenonError:
        return CommandNotFoundException(f"the commands of Slurm are not on {self.place}: {words_of(stderr)}", adaptor=NAME)


def encoded(script: str) -> bytes:
    """*script* as bytes; raises IllegalArgumentException for what no script can hold."""
    try:
        return script.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise IllegalArgumentException(f"{script[error.start]!r} cannot be a part of a text", adaptor=NAME) from None


def new_token() -> str:
    """A word that nobody can have known when naming a job; it begins with a letter."""
    return f"x{secrets.token_hex(12)}"


def controller_is_away(stderr: str) -> bool:
    """Whether *stderr* of a command that failed says that the controller did not answer, rather than that it refused."""
    return _AWAY.search(stderr) is not None


def words_of(stderr: str) -> str:
    """What Slurm says in *stderr*, in one line, without the names of its commands."""
    lines = (_PREFIX.sub("", line.strip()) for line in stderr.splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line))
