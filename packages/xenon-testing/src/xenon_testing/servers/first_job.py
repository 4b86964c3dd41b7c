"""The first job of a cluster, which shows that it is ready: it was accepted, and it has run."""

from __future__ import annotations

__all__ = ["first_job"]

TRIES = 50
SECONDS_BETWEEN_TRIES = 0.1


def first_job(submit: str) -> str:
    """A command for the account's shell that submits a script with *submit* and waits until it has run, for some seconds.

    *submit* takes the script's path as its last word, as ``qsub``. The script removes itself, and that is how its end is seen.
    """
    wait = f"for i in $(seq {TRIES}); do [ -e $job ] || exit 0; sleep {SECONDS_BETWEEN_TRIES}; done"
    give_up = "echo the first job was accepted and did not run >&2; exit 1"
    return f'cd /tmp; job=$(mktemp) && printf "#!/bin/sh\\nrm -f %s\\n" $job >$job && {submit} $job && {{ {wait}; {give_up}; }}'
