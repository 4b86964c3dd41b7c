"""Slurm's dialect: its commands and the meaning of their output, for all releases from 20.11 on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from typing_extensions import override

from pyxenon_core.errors import XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.batch.arrays import ArraySpec
from pyxenon_server.schedulers.batch.dialect import Dialect, Site, Verdict
from pyxenon_server.schedulers.batch.records import JobRecord, Queue
from pyxenon_server.schedulers.slurm import answers, parsing
from pyxenon_server.schedulers.slurm.options import batch_options, interactive_options, job_name
from pyxenon_server.schedulers.slurm.script import batch_script
from pyxenon_server.schedulers.slurm.states import interpreted
from pyxenon_server.shells.words import command_line, quote

__all__ = ["SlurmDialect"]

_JOB = re.compile(r"(\d+)(?:_(\d+))?", re.ASCII)
_MOST_NUMBERS = 2000
_NAME_OF_A_SHELL = "sh"  # srun names a job after the program it runs
_NAME_WITHOUT_ONE = "sbatch"  # Slurm's name for a script from standard input

# Inside a job of this or another cluster, Slurm's commands would take the variables that describe that job for options.
_OUTSIDE_ANY_JOB = """
if [ -n "${SLURM_JOB_ID-}${SLURM_JOBID-}" ]; then
for _xn in $(env | sed -n 's/^\\(SLURM_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
case $_xn in SLURM_CONF|SLURM_CLUSTERS|SLURM_CONF_SERVER) ;; *) unset "$_xn" ;; esac
done
fi
"""
# A profile may have set variables that change the output. Print times in seconds since 1970, and lists of array elements in full.
_PLAIN_QUERIES = """
for _xn in $(env | sed -n 's/^\\(SQUEUE_[A-Z_]*\\|SINFO_[A-Z_]*\\|SACCT_[A-Z_]*\\|SLURM_[A-Z]*FORMAT\\)=.*/\\1/p'); do unset "$_xn"; done
export SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0 LC_ALL=C
"""
# A profile may have set these, so that sbatch ends with the job's status or submits to another cluster.
_OWN_SUBMISSION = "unset SBATCH_WAIT SBATCH_CLUSTERS\n"
# A profile may have set these, to redirect the streams or to put a number before each line.
_OWN_STREAMS = "unset SLURM_LABELIO SLURM_STDINMODE SLURM_STDOUTMODE SLURM_STDERRMODE SRUN_INPUT SRUN_OUTPUT SRUN_ERROR SRUN_LABELIO\n"


class SlurmDialect(Dialect):
    """Slurm. ``srun`` runs unbuffered, so that the program's output is a terminal and unfinished lines are not held back."""

    name = "slurm"
    title = "Slurm"
    submitter = "sbatch"
    asker = "squeue"
    converser = "srun"
    clean_environment = _OUTSIDE_ANY_JOB
    clean_query = _PLAIN_QUERIES
    clean_submission = _OWN_SUBMISSION
    is_up = "scontrol ping 2>/dev/null | grep -q 'is UP'"
    how_to_check = "Run `sinfo` there to check whether the controller is up, then try again; jobs keep running without it."
    forgets_waiting_elements = True

    @override
    def probe(self) -> str:
        return "scontrol show config"

    @override
    def parse_probe(self, printed: str, user: str, home: str) -> SlurmDialect:
        found = parsing.parse_configuration(printed)
        site = Site(user, home, found.version, found.has_accounting, found.seconds_kept, found.seconds_for_a_message)
        return SlurmDialect(site)

    @override
    def queues(self) -> str:
        return parsing.PARTITIONS

    @override
    def parse_queues(self, printed: str) -> list[Queue]:
        return parsing.parse_partitions(printed)

    @override
    def queue_states(self, token: str) -> str:
        return parsing.partition_states_command(token)

    @override
    def parse_queue_states(self, printed: str, token: str) -> Mapping[str, Mapping[str, str]]:
        return parsing.parse_partition_states(printed, token)

    @override
    def jobs_in(self, queues: Sequence[str]) -> str:
        choice = f"-p {quote(','.join(queues))}" if queues else ""
        return f"squeue -h -a {choice} -o '%F'"

    @override
    def parse_jobs_in(self, printed: str) -> list[str]:
        return list(dict.fromkeys(line.strip() for line in printed.splitlines() if line.strip().isdigit()))

    @override
    def job_name(self, description: JobDescription, *, interactive: bool) -> str:
        return job_name(description, _NAME_OF_A_SHELL if interactive else _NAME_WITHOUT_ONE)

    @override
    def options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        return batch_options(description, directory, tag)

    @override
    def array(self, spec: ArraySpec) -> list[str]:
        step = f":{spec.step}" if spec.step > 1 else ""
        at_once = f"%{spec.at_once}" if spec.at_once else ""
        return [f"--array={spec.first}-{spec.last}{step}{at_once}"]

    @override
    def dependency(self, jobs: Sequence[str]) -> list[str]:
        return [f"--dependency={':'.join(['afterok', *jobs])}"] if jobs else []

    @override
    def script(self, description: JobDescription, directory: str) -> str:
        return batch_script(description, directory)

    @override
    def submit_script(self, options: Sequence[str], script: str, token: str) -> str:
        return f"sbatch --parsable {command_line(options)} <<'{token}'\n{script}{token}\n"

    @override
    def job_id(self, stdout: str, stderr: str) -> str:
        numbers = [line.partition(";")[0] for line in stdout.splitlines()]
        return next((number for number in reversed(numbers) if number.isascii() and number.isdigit()), "")

    @override
    def parse_id(self, job: str) -> tuple[str, str] | None:
        match = _JOB.fullmatch(job)
        return (match[1], match[2] or "") if match else None

    @override
    def lookup(self, token: str, tags: Sequence[str]) -> str:
        return parsing.queue_command(token, f"-u {self.site.user}")

    @override
    def parse_lookup(self, printed: str, token: str) -> list[JobRecord]:
        return self.parse_query(printed, token)

    @override
    def how_to_find(self, tag: str) -> str:
        return f"Before submitting it again, run `squeue --me -o '%i %k'` and look for a comment that ends with {tag}."

    @override
    def query(self, token: str, numbers: Sequence[str], *, own: bool) -> str:
        # The cheapest queries for the controller are one job by its number, or the user's jobs; for a list of other jobs it sends all
        # jobs. squeue itself selects the numbers from what the controller sends, so that the rest is not transferred.
        chosen = f"-j {','.join(numbers)}" if len(numbers) <= _MOST_NUMBERS else ""
        if len(numbers) > 1 and own:
            return parsing.queue_command(token, f"-u {self.site.user} {chosen}".rstrip())
        return parsing.queue_command(token, chosen)

    @override
    def parse_query(self, printed: str, token: str) -> list[JobRecord]:
        return [interpreted(record) for record in parsing.parse_queue(printed, token)]

    @override
    def history(self, token: str, numbers: Sequence[str]) -> str:
        return parsing.accounting_command(token, f"-j {','.join(numbers)}")

    @override
    def history_since(self, token: str, since: float) -> str:
        start = f"\"$(date -d @{int(since)} '+%Y-%m-%dT%H:%M:%S')\""
        return parsing.accounting_command(token, f"-u {self.site.user} -S {start}")

    @override
    def parse_history(self, printed: str, token: str) -> list[JobRecord]:
        return [interpreted(record) for record in parsing.parse_accounting(printed, token)]

    @override
    def cancel(self, jobs: Sequence[str]) -> str:
        return command_line(["scancel", *jobs])

    @override
    def parse_cancel(self, stderr: str) -> Mapping[str, XenonError]:
        return answers.cancel_errors(stderr)

    @override
    def interactive_options(self, description: JobDescription, directory: str, tag: str) -> list[str]:
        return interactive_options(description, directory, tag)

    @override
    def interactive_lines(self, mark: str, *, every_task: bool) -> list[str]:
        first_alone = [] if every_task else ['[ "${SLURM_PROCID:-0}" = 0 ] || exit 0']
        return [f'[ "${{SLURM_PROCID:-0}}" != 0 ] || echo "{mark} ${{SLURM_JOB_ID}}"', *first_alone]

    @override
    def interactive(self, options: Sequence[str], program: Sequence[str]) -> str:
        return f"{_OWN_STREAMS}exec {command_line(['srun', '--quiet', '--unbuffered', *options, '--', *program])}"

    @override
    def classify(self, status: int, stdout: str, stderr: str) -> Verdict:
        return answers.classify(stderr)

    @override
    def words(self, stderr: str) -> str:
        return answers.words_of(stderr)
