"""The first job of a cluster, which shows that it is ready: it was accepted, and it has run."""

from __future__ import annotations

__all__ = ["submit_and_wait"]

TRIES = 50
SECONDS_BETWEEN_TRIES = 0.1


def submit_and_wait(submit: str) -> str:
    """A command for the account's shell that submits a script with *submit* and waits until it has run, for five seconds at most.

    *submit* takes the script's path as its last word, as ``qsub`` does. The script removes itself: that shows that it has run.
    """
    make = r'cd /tmp && job=$(mktemp first-job.XXXXXX) && printf "#!/bin/sh\nrm -f /tmp/%s\n" $job >$job'
    wait = f"for i in $(seq {TRIES}); do [ -e $job ] || exit 0; sleep {SECONDS_BETWEEN_TRIES}; done"
    return f"{make} && {submit} $job && {{ {wait}; echo the job was accepted and has not run >&2; exit 1; }}"
