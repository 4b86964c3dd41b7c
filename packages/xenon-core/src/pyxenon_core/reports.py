"""What a status tells beyond its fields. The interface has none for it, so that it travels under keys that begin with ``xenon.``."""

from __future__ import annotations

from datetime import UTC, datetime

from pyxenon_core.message import Message

__all__ = ["JobReport"]


class JobReport(Message):
    """The base class of :class:`~pyxenon_core.messages.JobStatus`: how a job ended, from which evidence, and when that was seen.

    The server of this project says these things; of the xenon-grpc server's statuses only :attr:`known_exit_code` tells anything.
    """

    done: bool
    exit_code: int
    scheduler_specific_information: dict[str, str]

    @property
    def known_exit_code(self) -> int | None:
        """The exit code of the program; None while it has not ended, when a signal ended it, and when nobody saw how it did."""
        told = self._told("exit_code")
        if not self.done or told == "unknown":
            return None
        return int(told) if told else self.exit_code

    @property
    def signal(self) -> str:
        """The signal that ended the program, without SIG, such as ``KILL``; empty when none did, or nobody saw."""
        return self._told("signal")

    @property
    def reason(self) -> str:
        """Why the job is in this state, in the scheduler's words, such as ``Resources`` or ``OutOfMemory``; empty when it gives none."""
        return self._told("reason")

    @property
    def evidence(self) -> str:
        """Who said so, such as ``squeue`` or ``sacct``; empty when the server does not tell."""
        return self._told("evidence")

    @property
    def observed_at(self) -> datetime | None:
        """When that was said, in UTC; None when the server does not tell."""
        told = self._told("seen")
        return datetime.fromtimestamp(float(told), UTC) if told else None

    def _told(self, key: str) -> str:
        return self.scheduler_specific_information.get(f"xenon.{key}", "")
