"""The properties of a status beyond its fields, read from the keys of its information that begin with ``xenon.``."""

from __future__ import annotations

from datetime import UTC, datetime

from pyxenon_core.message import Message

__all__ = ["JobReport"]


class JobReport(Message):
    """The base class of :class:`~pyxenon_core.messages.JobStatus`: how a job ended, on which evidence, and when that was seen.

    Only PyXenon's own server fills all of these in; with others, rely on :attr:`known_exit_code` alone.
    """

    done: bool
    exit_code: int
    scheduler_specific_information: dict[str, str]

    @property
    def known_exit_code(self) -> int | None:
        """The exit code of the program; None if it has not ended, was ended by a signal, or its exit code is unknown."""
        told = self._told("exit_code")
        if not self.done or told == "unknown":
            return None
        return int(told) if told else self.exit_code

    @property
    def signal(self) -> str:
        """The signal that ended the program, without SIG, such as ``KILL``; empty if there was none or it is unknown."""
        return self._told("signal")

    @property
    def reason(self) -> str:
        """The scheduler's reason for this state, such as ``Resources`` or ``OutOfMemory``; empty if unknown."""
        return self._told("reason")

    @property
    def evidence(self) -> str:
        """The source of this status, such as ``squeue`` or ``sacct``; empty if the server does not say."""
        return self._told("evidence")

    @property
    def observed_at(self) -> datetime | None:
        """The time of this status, in UTC; None if the server does not say."""
        told = self._told("seen")
        return datetime.fromtimestamp(float(told), UTC) if told else None

    def _told(self, key: str) -> str:
        return self.scheduler_specific_information.get(f"xenon.{key}", "")
