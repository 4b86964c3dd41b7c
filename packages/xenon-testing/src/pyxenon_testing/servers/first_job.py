"""The first job of a cluster, which shows that the cluster is ready: the job was accepted and has run, and the node is idle again."""

from __future__ import annotations

__all__ = ["submit_and_wait"]

TRIES = 50
SECONDS_BETWEEN_TRIES = 0.1


def submit_and_wait(submit: str, list_jobs: str) -> str:
    """Return a command for the account's shell that runs a job and waits about five seconds for its end.

    *submit* takes the path of a script as its last word, like ``qsub``; *list_jobs* prints nothing when no job is left, like ``atq``.
    The script removes itself, which shows that it has run.
    """
    make = r'''job=$(mktemp -t first-job.XXXXXX) && trap 'rm -f "$job"' EXIT && printf '#!/bin/sh\nrm -f %s\n' "$job" >"$job"'''
    is_done = f'[ ! -e "$job" ] && [ -z "$({list_jobs})" ]'
    wait = f"for i in $(seq {TRIES}); do {is_done} && exit; sleep {SECONDS_BETWEEN_TRIES}; done"
    return f'{make} && {submit} "$job" || exit; {wait}; echo the job was accepted and did not end >&2; exit 1'
