"""The interface of a dialect: the commands of one batch system and the meaning of their output, as pure text.

A dialect runs nothing, reads nothing and keeps no state. It returns commands for a POSIX shell and parses what these print, so it can be
tested without a cluster. Everything else (who runs the commands, when, how often, and what follows from the answers) is the same for all
batch systems and lives in the other modules of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Self

from pyxenon_core.errors import XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.arrays import ArraySpec
from pyxenon_server.schedulers.batch.records import JobRecord, Queue

__all__ = ["Dialect", "Site", "Verdict", "one_line"]


class Verdict(Enum):
    """The meaning of a command that failed."""

    UNSENT = "the batch system could not be reached: nothing has happened"
    AWAY = "the batch system did not answer: something may have happened"
    NO_QUEUE = "there is no such queue"
    NO_JOB = "none of the requested jobs is known"
    REFUSED = "any other refusal"

    @property
    def is_away(self) -> bool:
        """True if the batch system did not answer, rather than refusing."""
        return self in (Verdict.UNSENT, Verdict.AWAY)


@dataclass(frozen=True)
class Site:
    """The facts about a batch system's installation, determined when the scheduler is opened.

    Attributes:
        user: The user there, in the form that the batch system's records use.
        home: The directory in which commands start.
        version: The variant and release of the batch system, for people and for dialects whose commands depend on it.
        has_history: True if the batch system keeps records of jobs that ended long ago.
        seconds_kept: How long it remembers an ended job without such a history.
        seconds_for_an_answer: How long its commands wait for an answer before they give up.
    """

    user: str = ""
    home: str = ""
    version: str = ""
    has_history: bool = False
    seconds_kept: float = 300.0
    seconds_for_an_answer: float = 10.0


class Dialect(ABC):
    """The commands of one batch system at one site, and the parsers of their output.

    Commands are lines for a POSIX shell. *token* is always a random word drawn for that one command: job names and comments can be any
    text, so a dialect uses the token to end or separate what a command prints. Output that cannot be parsed raises IOException.

    Args:
        site: The site, as :meth:`parse_probe` found it; the default is for use before the probe.

    Attributes:
        name: The adaptor's name.
        title: The batch system's name, for people.
        submitter: The command that submits a batch job; it is the evidence for the state of a job that was just submitted.
        asker: The command that prints the states of jobs.
        converser: The command that runs an interactive job; empty if interactive jobs are not supported.
        clean_environment: Shell lines that precede every command and unset the variables of a surrounding job, which would act as options.
        clean_query: Shell lines that precede a query and unset what a profile may have set to change the output.
        clean_submission: Shell lines that precede a submission.
        is_up: A command that succeeds if the batch system answers at all; empty if there is none.
        how_to_check: A hint for when the batch system does not answer.
        forgets_waiting_elements: True if an array element that is cancelled before it begins leaves no record at all.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    submitter: ClassVar[str]
    asker: ClassVar[str]
    converser: ClassVar[str] = ""
    clean_environment: ClassVar[str] = ""
    clean_query: ClassVar[str] = ""
    clean_submission: ClassVar[str] = ""
    is_up: ClassVar[str] = ""
    how_to_check: ClassVar[str] = ""
    forgets_waiting_elements: ClassVar[bool] = False

    def __init__(self, site: Site = Site()) -> None:
        self.site = site

    # --- the site ---

    @abstractmethod
    def probe(self) -> str:
        """Return the command that prints the batch system's configuration; it fails without a batch system."""

    @abstractmethod
    def parse_probe(self, printed: str, user: str, home: str) -> Self:
        """Return the dialect for the site where :meth:`probe` printed *printed*; *user* is a numeric id, *home* a path."""

    # --- queues ---

    @abstractmethod
    def queues(self) -> str:
        """Return the command that lists the queues."""

    @abstractmethod
    def parse_queues(self, printed: str) -> list[Queue]:
        """Return the queues, each once, in the batch system's order."""

    @abstractmethod
    def queue_states(self, token: str) -> str:
        """Return the command that prints the states of all queues."""

    @abstractmethod
    def parse_queue_states(self, printed: str, token: str) -> Mapping[str, Mapping[str, str]]:
        """Return the state of each queue: values by the batch system's own headings, by queue name."""

    @abstractmethod
    def jobs_in(self, queues: Sequence[str]) -> str:
        """Return the command that lists the waiting and running jobs in *queues*; in all queues if it is empty."""

    @abstractmethod
    def parse_jobs_in(self, printed: str) -> list[str]:
        """Return the ids of the jobs, each once; an array is one job."""

    # --- submitting ---

    @abstractmethod
    def job_name(self, description: JobDescription, *, interactive: bool) -> str:
        """Return the job's name in the batch system, which is the batch system's default if the description sets none."""

    @abstractmethod
    def options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        """Return the options of a batch job that starts in *directory* and carries *tag*."""

    @abstractmethod
    def array(self, spec: ArraySpec) -> list[str]:
        """Return the options that make the job an array."""

    @abstractmethod
    def dependency(self, jobs: Sequence[str]) -> list[str]:
        """Return the options that hold the job back until all of *jobs* have succeeded."""

    @abstractmethod
    def script(self, description: JobDescription, directory: str) -> str:
        """Return the script of a batch job."""

    @abstractmethod
    def submit_script(self, options: Sequence[str], script: str, token: str) -> str:
        """Return the shell lines that submit *script* with *options*. Their exit status is that of the submitting command."""

    @abstractmethod
    def job_id(self, stdout: str, stderr: str) -> str:
        """Return the job's id from the output of :meth:`submit_script`; empty if there is none."""

    # --- finding and asking ---

    @abstractmethod
    def parse_id(self, job: str) -> tuple[str, str] | None:
        """Return the number of *job* and its index in an array, empty outside arrays; None if *job* cannot be an id."""

    @abstractmethod
    def lookup(self, token: str, tags: Sequence[str]) -> str:
        """Return the command that lists the user's jobs, or at least those with *tags*."""

    @abstractmethod
    def parse_lookup(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records that :meth:`lookup` printed, with their tags."""

    @abstractmethod
    def how_to_find(self, tag: str) -> str:
        """Return a hint for a person on how to find the job with *tag*."""

    @abstractmethod
    def query(self, token: str, numbers: Sequence[str], *, own: bool) -> str:
        """Return the command that prints the states of the jobs and arrays *numbers*; with *own*, all belong to the user."""

    @abstractmethod
    def parse_query(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records that :meth:`query` printed."""

    def history(self, token: str, numbers: Sequence[str]) -> str:
        """Return the command that prints jobs that ended long ago. Only called if the site has a history, like the next two."""
        raise NotImplementedError

    def history_since(self, token: str, since: float) -> str:
        """Return the command that prints the user's jobs in the history since *since*, in seconds since 1970-01-01 UTC."""
        raise NotImplementedError

    def parse_history(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records that :meth:`history` or :meth:`history_since` printed."""
        raise NotImplementedError

    # --- cancelling ---

    @abstractmethod
    def cancel(self, jobs: Sequence[str]) -> str:
        """Return the command that cancels *jobs*; it has no effect on those that have ended."""

    @abstractmethod
    def parse_cancel(self, stderr: str) -> Mapping[str, XenonError]:
        """Return the errors of :meth:`cancel`, by job."""

    # --- interactive jobs ---

    def interactive_options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        """Return the options of an interactive job. Only called if there is a :attr:`converser`, like the next two."""
        raise NotImplementedError

    def interactive_lines(self, mark: str, *, every_task: bool) -> list[str]:
        """Return the first lines of the job: its first task prints *mark*, a space and its number; others go on only with *every_task*."""
        raise NotImplementedError

    def interactive(self, options: Sequence[str], program: Sequence[str]) -> str:
        """Return the shell lines that exec the command that runs *program* as a job and passes its streams on."""
        raise NotImplementedError

    # --- failures ---

    @abstractmethod
    def classify(self, status: int, stdout: str, stderr: str) -> Verdict:
        """Return the meaning of a command that failed with *status*, which is not 0."""

    def words(self, stderr: str) -> str:
        """Return the message in *stderr*, on one line."""
        return one_line(line.strip() for line in stderr.splitlines())


def one_line(lines: Iterable[str]) -> str:
    """Join *lines* into one, without empty and repeated ones."""
    return "; ".join(dict.fromkeys(line for line in lines if line))
