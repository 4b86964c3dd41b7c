"""Interpret the error messages of Slurm's commands."""

from __future__ import annotations

import re

from pyxenon_core.errors import IOException, PermissionDeniedException, XenonError
from pyxenon_server.schedulers.batch.dialect import Verdict, one_line

__all__ = ["cancel_errors", "classify", "controller_is_away", "words_of"]

_AWAY = re.compile(
    "unable to contact|connect failure|socket timed out|zero bytes|timed out|timeout|authentication|auth_g_|munge|communication"
    "|connection (refused|reset|closed)|not connected|standby mode|no route to host|rate limit|temporarily|unexpected message"
    "|incomplete|problem talking|can't be reached",
    re.IGNORECASE,
)
_UNSENT = ("unable to contact", "connect failure")
_NO_PARTITION = ("invalid partition", "invalid partition name")
_NO_JOB = "Invalid job id"
_PREFIX = re.compile(r"^(?:\[[^\]]*\] )?(?:sbatch|srun|scancel|squeue|sacct|sinfo|scontrol|slurm_\w+)(?: error)?: ?(?:error: |fatal: )?")
_ABOUT = re.compile(r"job id (\d+(?:_\d+)?)")


def classify(stderr: str) -> Verdict:
    """Return the meaning of a command that failed with the output *stderr*."""
    if controller_is_away(stderr):
        return Verdict.UNSENT if any(words in stderr.lower() for words in _UNSENT) else Verdict.AWAY
    if any(text in words_of(stderr).lower() for text in _NO_PARTITION):
        return Verdict.NO_QUEUE
    return Verdict.NO_JOB if _NO_JOB in stderr else Verdict.REFUSED


def controller_is_away(stderr: str) -> bool:
    """Return True if *stderr* of a failed command says that the controller did not answer, rather than refusing."""
    return _AWAY.search(stderr) is not None


def words_of(stderr: str) -> str:
    """Return Slurm's message in *stderr*, on one line, without the names of its commands."""
    return one_line(_PREFIX.sub("", line.strip()) for line in stderr.splitlines())


def cancel_errors(stderr: str) -> dict[str, XenonError]:
    """Return the errors that ``scancel`` reported, by job."""
    errors: dict[str, XenonError] = {}
    for line in stderr.splitlines():
        match = _ABOUT.search(line)
        if match and not controller_is_away(line):
            kind = PermissionDeniedException if "permission" in line.lower() or "access" in line.lower() else IOException
            errors[match[1]] = kind(f"cannot cancel job {match[1]}: {words_of(line)}", adaptor="slurm")
    return errors
