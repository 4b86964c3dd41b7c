"""Submit every job exactly once.

Every job carries a random tag. If the answer to a submission is lost, it is unknown whether the job exists, so it is looked up by its tag.
It is submitted again only if the lookup finds no job and the command that may be submitting it cannot still be running. If neither can be
established, the error says that the job may have been submitted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pyxenon_core.errors import (
    CommandNotFoundException,
    ConnectionLostException,
    InvalidJobDescriptionException,
    NoSuchQueueException,
    NotConnectedException,
    SchedulerClosedException,
    XenonError,
)
from pyxenon_server.schedulers.batch.batching import Batching
from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.dialect import Dialect, Verdict
from pyxenon_server.schedulers.batch.lookup import Lookup, Seeking
from pyxenon_server.schedulers.batch.tags import new_token

__all__ = ["Patience", "Submission", "Submitted", "Submitter", "refusal"]

_MOST_AT_ONCE = 100
_TRIES = 3
_NOT_FOUND = 127

# After a refusal, check that the batch system answers at all: if it does not, each further submission would waste many seconds.
_REPORT = """
trap '' PIPE HUP
{clean}date '+{token}@ %s'
_xn_report() {{
printf '{token}= %s %s\\n' "$1" "$2"; printf '{token}= %s\\n' "$1" >&2
[ "$2" -eq 0 ] || {is_up} || _xn_down=1
}}
"""
_ONE = """[ -n "${{_xn_down-}}" ] || {{ {submission}_xn_report {number} $?
}}
"""


@dataclass(frozen=True)
class Patience:
    """Time limits, in seconds.

    Attributes:
        command: The time after which a submitting command is stopped, without the time for its jobs.
        job: The additional time for each job of a submitting command.
        controller: How long a submission is retried while the controller does not answer.
        slack: The additional time after which a command has certainly ended.
    """

    command: float = 30.0
    job: float = 1.0
    controller: float = 120.0
    slack: float = 5.0


@dataclass(frozen=True)
class Submitted:
    """A submitted job: its id, and the cluster's time at the submission in seconds since 1970-01-01 UTC, or None if not known."""

    job: str
    at: float | None


@dataclass(eq=False)
class Submission:
    """A job to submit.

    Attributes:
        tag: The tag by which the job can be found again.
        name: The job's name in the batch system.
        options: The options of the submitting command.
        script: The job's script.
        answer: The outcome.
        tries: How often a command has tried to submit it.
        began: When the last such command began, by this machine's monotonic clock.
        may_exist: True if the job may have been submitted.
        certain_at: The time from which no command can be submitting it any more, by the same clock.
        trouble: Why there is no answer.
    """

    tag: str
    name: str
    options: list[str]
    script: str
    answer: asyncio.Future[Submitted] = field(repr=False)
    tries: int = 0
    began: float = 0.0
    may_exist: bool = False
    certain_at: float = 0.0
    trouble: XenonError | None = None


class Submitter:
    """Submits the jobs of one scheduler.

    Args:
        commands: The batch system's commands.
        lookup: Finds jobs by their tags.
        patience: The time limits.
        unwanted: Called with the id of each job that was submitted after its caller had given up.
    """

    def __init__(self, commands: Commands, lookup: Lookup, patience: Patience, unwanted: Callable[[str], None]) -> None:
        self._commands = commands
        self._dialect = commands.dialect
        self._lookup = lookup
        self._patience = patience
        self._message_seconds = self._dialect.site.seconds_for_an_answer
        self._unwanted = unwanted
        self._batching = Batching(self._submit, _MOST_AT_ONCE)
        self._lost: list[Submission] = []
        self._recovery: asyncio.Task[None] | None = None

    async def submit(self, submission: Submission) -> Submitted:
        """Submit a job; raises what :meth:`pyxenon_server.adaptors.base.Scheduler.submit` raises."""
        self._batching.add(submission)
        try:
            return await submission.answer
        except asyncio.CancelledError:
            self._batching.discard(submission)
            raise

    async def close(self) -> None:
        """Stop. Pending jobs are not submitted; those that may have been get an error that says so."""
        unsent = await self._batching.close()
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        for submission in [*unsent, *self._lost]:
            words = "a job may have been submitted" if submission.may_exist else "the job was not submitted"
            _fail(submission, SchedulerClosedException(f"the scheduler was closed: {words}", adaptor=self._dialect.name))

    async def _submit(self, submissions: list[Submission]) -> None:
        """Submit all of *submissions* with one command."""
        wanted = [submission for submission in submissions if not submission.answer.done()]
        if not wanted:
            return
        token = new_token()
        seconds = self._patience.command + self._patience.job * len(wanted)
        for submission in wanted:
            submission.tries += 1
            submission.began = time.monotonic()
        try:
            completed = await self._commands.change(self._script(wanted, token), seconds)
        except NotConnectedException as error:
            for submission in wanted:  # without a connection the command cannot have begun
                submission.trouble = error
                _fail(submission, self._given_up(submission, error))
            return
        except ConnectionLostException as error:
            for submission in wanted:
                self._lose(submission, error, may_exist=True, seconds=seconds + self._message_seconds + self._patience.slack)
            return
        except XenonError as error:
            for submission in wanted:
                _fail(submission, error)
            return
        except asyncio.CancelledError:
            for submission in wanted:
                submission.may_exist = True
            self._lost += wanted
            raise
        self._settle(wanted, _Answers(completed.stdout, completed.stderr, token))

    def _settle(self, submissions: Sequence[Submission], answers: _Answers) -> None:
        for number, submission in enumerate(submissions):
            said = answers.of(number)
            if said is None:  # the command skipped this job, or was stopped before it
                reason = self._dialect.words(answers.rest) or "the submitting command was stopped before it reached this job"
                may_exist = submission.may_exist or not answers.whole
                seconds = self._message_seconds if may_exist else 0.0
                self._lose(submission, self._commands.away(reason), may_exist=may_exist, seconds=seconds)
            elif said.status:
                self._refuse(submission, said)
            elif job := self._dialect.job_id(said.stdout, said.stderr):
                self._succeed(submission, Submitted(job, answers.at))
            else:
                self._lose_sent(submission, _no_id(self._dialect, said.stdout + said.stderr))

    def _refuse(self, submission: Submission, said: _Reply) -> None:
        verdict = self._dialect.classify(said.status, said.stdout, said.stderr)
        if not verdict.is_away:
            _fail(submission, refusal(self._dialect, self._dialect.submitter, said.status, said.stderr))
        elif verdict is Verdict.AWAY:
            self._lose_sent(submission, self._commands.away(said.stderr))
        else:
            self._lose(submission, self._commands.away(said.stderr), may_exist=submission.may_exist)

    def _lose_sent(self, submission: Submission, error: XenonError) -> None:
        """Handle a submission that reached the batch system without a clear answer."""
        self._lose(submission, error, may_exist=True, seconds=3 * self._message_seconds)

    def _succeed(self, submission: Submission, submitted: Submitted) -> None:
        if submission.answer.done():
            self._unwanted(submitted.job)
        else:
            submission.answer.set_result(submitted)

    def _lose(self, submission: Submission, trouble: XenonError, *, may_exist: bool, seconds: float = 0.0) -> None:
        """Start looking up a submission without an answer. In *seconds* from now no command can be submitting it any more."""
        submission.trouble = trouble
        submission.may_exist = may_exist
        submission.certain_at = max(submission.certain_at, time.monotonic() + seconds)
        self._lost.append(submission)
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.get_running_loop().create_task(self._recover())

    async def _recover(self) -> None:
        """Look up the lost submissions until each is found, submitted again or given up."""
        pause = 0.0
        while self._lost:
            await asyncio.sleep(min(pause, self._until_certain()))
            pause = min(20.0, pause * 1.5 + 0.5)
            lost, self._lost = self._lost, []
            try:
                found = await self._lookup.find([Seeking(it.tag, it.name, it.began) for it in lost])
            except asyncio.CancelledError:
                self._lost += lost
                raise
            except XenonError as error:
                self._wait_on(lost, error)
                continue
            for submission in lost:
                self._decide(submission, found.jobs.get(submission.tag), submission.tag in found.uncertain)

    def _until_certain(self) -> float:
        """Return the seconds until the first of the uncertain submissions becomes certain."""
        now = time.monotonic()
        return min((it.certain_at - now + 0.1 for it in self._lost if it.certain_at > now), default=float("inf"))

    def _wait_on(self, lost: Iterable[Submission], error: XenonError) -> None:
        for submission in lost:
            if time.monotonic() > submission.began + self._patience.controller or not isinstance(
                error, (NotConnectedException, ConnectionLostException)
            ):
                _fail(submission, self._given_up(submission, error))
            else:
                self._lost.append(submission)

    def _decide(self, submission: Submission, job: str | None, uncertain: bool) -> None:
        if job is not None:
            self._succeed(submission, Submitted(job, None))
        elif submission.answer.done():
            # Nobody waits for it any more, but until it is certain the job may still appear.
            if submission.may_exist and time.monotonic() < submission.certain_at:
                self._lost.append(submission)
        elif submission.may_exist and time.monotonic() < submission.certain_at:
            self._lost.append(submission)
        elif submission.tries >= _TRIES or (submission.may_exist and uncertain):
            submission.may_exist = submission.may_exist and uncertain
            _fail(submission, self._given_up(submission, submission.trouble))
        else:
            submission.may_exist = False
            self._batching.add(submission)

    def _script(self, submissions: Sequence[Submission], token: str) -> str:
        parts = [_REPORT.format(token=token, clean=self._dialect.clean_submission, is_up=self._dialect.is_up or "true")]
        for number, it in enumerate(submissions):
            parts.append(_ONE.format(number=number, submission=self._dialect.submit_script(it.options, it.script, token)))
        return "".join([*parts, f"echo '{token}!'\n"])

    def _given_up(self, submission: Submission, why: XenonError | None) -> XenonError:
        reason = why.reason if why is not None else "the reason is not known"
        if not submission.may_exist:
            return NotConnectedException(f"the job was not submitted: {reason}", adaptor=self._dialect.name, hint="Submit it again later.")
        return ConnectionLostException(
            f"the job may have been submitted, but it is not certain: {reason}; no job with its tag has been found yet",
            adaptor=self._dialect.name,
            hint=self._dialect.how_to_find(submission.tag),
        )


@dataclass(frozen=True)
class _Reply:
    """The answer to one submission of a command."""

    status: int
    stdout: str
    stderr: str


class _Answers:
    """The answers to all submissions of a command.

    Attributes:
        at: The cluster's time when the command began, in seconds since 1970-01-01 UTC; None if not known.
        whole: Not empty if the command ran to its end, even if it skipped jobs because the controller did not answer.
        rest: Its standard error output after the last job.
    """

    def __init__(self, stdout: bytes, stderr: bytes, token: str) -> None:
        out, err = (text.decode("utf-8", "replace") for text in (stdout, stderr))
        _, mark, out = out.partition(f"{token}@ ")
        clock, _, out = out.partition("\n")
        out, self.whole, _ = out.partition(f"{token}!")
        self.at = float(clock) if mark and clock.isdigit() else None
        *errors, self.rest = err.split(f"{token}= ")
        self._said: dict[int, _Reply] = {}
        before = ""
        for number, part in enumerate(out.split(f"{token}= ")):
            line, _, following = part.partition("\n") if number else ("", "", part)
            words = line.split()
            if len(words) == 2:
                index = number - 1
                stderr_text = errors[index].partition("\n")[2] if index and index < len(errors) else "".join(errors[:1])
                self._said[int(words[0])] = _Reply(int(words[1]), before, stderr_text)
            before = following

    def of(self, number: int) -> _Reply | None:
        """Return the answer to submission *number*; None if there is none."""
        return self._said.get(number)


def refusal(dialect: Dialect, command: str, status: int, stderr: str) -> XenonError:
    """Return the error for a job that *command* refused with *status* and *stderr*."""
    words = dialect.words(stderr) or f"{command} ended with status {status} and no message"
    if status == _NOT_FOUND and "not found" in words:
        return CommandNotFoundException(f"the command {command} was not found: {words}", adaptor=dialect.name)
    verdict = dialect.classify(status, "", stderr)
    if verdict.is_away:
        return NotConnectedException(f"{dialect.title} does not answer: {words}", adaptor=dialect.name, hint="Submit it again later.")
    reason = f"{dialect.title} refused the job: {words}"
    if verdict is Verdict.NO_QUEUE:
        return NoSuchQueueException(reason, adaptor=dialect.name)
    return InvalidJobDescriptionException(reason, adaptor=dialect.name, hint=f"Fix what {dialect.title} complains about.")


def _no_id(dialect: Dialect, said: str) -> XenonError:
    printed = f"; it printed {said.strip()!r}" if said.strip() else ""
    return ConnectionLostException(f"{dialect.submitter} did not print the job's number{printed}", adaptor=dialect.name)


def _fail(submission: Submission, error: XenonError) -> None:
    if not submission.answer.done():
        submission.answer.set_exception(error)
