"""The contract of a dialect: how one batch system is asked and what its answers mean, as text alone.

A dialect runs nothing, reads nothing and keeps no state. It gives the text of commands for a POSIX shell, and takes apart what these
printed; so it can be tested without a cluster. Everything else (who runs the commands, when, how often, and what follows from the answers)
is the same for all batch systems and stands beside this module.
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
    NO_JOB = "none of the jobs that were asked for is known"
    REFUSED = "any other refusal"

    @property
    def is_away(self) -> bool:
        """True if the batch system did not answer, rather than that it refused."""
        return self in (Verdict.UNSENT, Verdict.AWAY)


@dataclass(frozen=True)
class Site:
    """The facts about a place, found out when the scheduler was opened.

    Attributes:
        user: The user there, as the batch system names users in its records.
        home: The directory in which commands start.
        version: The flavour and release of the batch system, for people and for a dialect that has to choose between words.
        has_history: True if the batch system keeps records of jobs that ended long ago.
        seconds_kept: For how long it remembers a job that has ended without that.
        seconds_for_an_answer: How long one of its commands waits for an answer before it gives up.
    """

    user: str = ""
    home: str = ""
    version: str = ""
    has_history: bool = False
    seconds_kept: float = 300.0
    seconds_for_an_answer: float = 10.0


class Dialect(ABC):
    """The words of one batch system, at one site.

    Commands are lines for a POSIX shell. *token* is always a word that was drawn for that command alone: names and comments of jobs are
    anybody's texts, so a dialect ends or separates what a command prints with it. What cannot be understood raises IOException.

    Args:
        site: The place, as :meth:`parse_probe` found it; nothing is known of it before.

    Attributes:
        name: The adaptor's name.
        title: The batch system's name, for people.
        submitter: The command that submits a batch job, as the evidence of a job that was just submitted.
        asker: The command that tells the states of jobs.
        converser: The command that runs an interactive job; empty when there are none.
        clean_environment: Shell lines before every command: within a job, the variables that describe it are no options for another.
        clean_query: Shell lines before a query: what a profile may have set to make the commands print something else.
        clean_submission: Shell lines before a submission.
        is_up: A command that succeeds when the batch system answers at all; empty when there is none.
        how_to_check: A hint for when the batch system does not answer.
        forgets_waiting_elements: True if an element of an array that is cancelled before it begins leaves no record at all.
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

    # --- the place ---

    @abstractmethod
    def probe(self) -> str:
        """Return the command that tells what the batch system is; it fails when there is none."""

    @abstractmethod
    def parse_probe(self, printed: str, user: str, home: str) -> Self:
        """Return the dialect of the site where :meth:`probe` printed *printed*; *user* is a number, *home* a path."""

    # --- queues ---

    @abstractmethod
    def queues(self) -> str:
        """Return the command that lists the queues."""

    @abstractmethod
    def parse_queues(self, printed: str) -> list[Queue]:
        """Return the queues, each once, in the batch system's order."""

    @abstractmethod
    def queue_states(self, token: str) -> str:
        """Return the command that tells the states of all queues."""

    @abstractmethod
    def parse_queue_states(self, printed: str, token: str) -> Mapping[str, Mapping[str, str]]:
        """Return what is said of each queue, by its name and then by the batch system's own headings."""

    @abstractmethod
    def jobs_in(self, queues: Sequence[str]) -> str:
        """Return the command that lists the jobs which wait or run in *queues*, in all when it is empty."""

    @abstractmethod
    def parse_jobs_in(self, printed: str) -> list[str]:
        """Return their ids, each once; an array is one job."""

    # --- submitting ---

    @abstractmethod
    def job_name(self, description: JobDescription, *, interactive: bool) -> str:
        """Return the name that the job will have in the batch system, also when nothing gives it one."""

    @abstractmethod
    def options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        """Return the options of a batch job that starts in *directory* and carries *tag*."""

    @abstractmethod
    def array(self, spec: ArraySpec) -> list[str]:
        """Return the options that make an array of a job."""

    @abstractmethod
    def dependency(self, jobs: Sequence[str]) -> list[str]:
        """Return the options that hold a job back until all of *jobs* have succeeded."""

    @abstractmethod
    def script(self, description: JobDescription, directory: str) -> str:
        """Return the script of a batch job."""

    @abstractmethod
    def submit_script(self, options: Sequence[str], script: str, token: str) -> str:
        """Return the lines that submit *script* with *options*. Their status is that of the command that submits."""

    @abstractmethod
    def job_id(self, stdout: str, stderr: str) -> str:
        """Return the id in what :meth:`submit_script` printed; empty when there is none."""

    # --- finding and asking ---

    @abstractmethod
    def parse_id(self, job: str) -> tuple[str, str] | None:
        """Return the number of *job* and its index in an array, empty outside of one; None when *job* cannot be an id."""

    @abstractmethod
    def lookup(self, token: str, tags: Sequence[str]) -> str:
        """Return the command that tells of the user's jobs, or at least of those with *tags*."""

    @abstractmethod
    def parse_lookup(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records in it, with their tags."""

    @abstractmethod
    def how_to_find(self, tag: str) -> str:
        """Return a hint how a person finds the job with *tag*."""

    @abstractmethod
    def query(self, token: str, numbers: Sequence[str], *, own: bool) -> str:
        """Return the command that tells the states of the jobs and arrays with *numbers*; with *own*, all are the user's."""

    @abstractmethod
    def parse_query(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records in it."""

    def history(self, token: str, numbers: Sequence[str]) -> str:
        """Return the command that tells of jobs that ended long ago. It is asked for where the site has a history, as the next two are."""
        raise NotImplementedError

    def history_since(self, token: str, since: float) -> str:
        """Return the command that tells of the user's jobs of that history since *since*, in seconds since 1970-01-01 UTC."""
        raise NotImplementedError

    def parse_history(self, printed: str, token: str) -> list[JobRecord]:
        """Return the records in what either printed."""
        raise NotImplementedError

    # --- cancelling ---

    @abstractmethod
    def cancel(self, jobs: Sequence[str]) -> str:
        """Return the command that cancels *jobs*; it does no harm to those that have ended."""

    @abstractmethod
    def parse_cancel(self, stderr: str) -> Mapping[str, XenonError]:
        """Return what went wrong, by job."""

    # --- interactive jobs ---

    def interactive_options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        """Return the options of an interactive job. It is asked for where there is a :attr:`converser`, as the next two are."""
        raise NotImplementedError

    def interactive_lines(self, mark: str, *, every_task: bool) -> list[str]:
        """Return the first lines of the job itself: one of its tasks prints *mark*, a blank and its number; with *every_task* all go on."""
        raise NotImplementedError

    def interactive(self, options: Sequence[str], program: Sequence[str]) -> str:
        """Return the lines that become the command which runs *program* as a job, with the streams of that command."""
        raise NotImplementedError

    # --- failures ---

    @abstractmethod
    def classify(self, status: int, stdout: str, stderr: str) -> Verdict:
        """Return what a command that ended with *status*, which is not 0, means."""

    def words(self, stderr: str) -> str:
        """Return what is said in *stderr*, in one line."""
        return one_line(line.strip() for line in stderr.splitlines())


def one_line(lines: Iterable[str]) -> str:
    """Return *lines* as one, without those that are empty or repeated."""
    return "; ".join(dict.fromkeys(line for line in lines if line))
