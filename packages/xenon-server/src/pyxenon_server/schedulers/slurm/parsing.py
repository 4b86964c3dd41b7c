"""Parse the output of Slurm's commands.

Names and comments of jobs can be any text: they may contain line breaks, separators, and whole lines that look like another job's. Each
query therefore ends its free texts with a random word that is used only once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pyxenon_core.errors import IOException
from pyxenon_server.schedulers.batch.records import Queue

__all__ = [
    "PARTITIONS",
    "Configuration",
    "ExitCode",
    "Record",
    "accounting_command",
    "minutes",
    "parse_accounting",
    "parse_configuration",
    "parse_exit_code",
    "parse_partition_states",
    "parse_partitions",
    "parse_queue",
    "partition_states_command",
    "queue_command",
    "tag_of",
]

_QUEUE_FIELDS = (
    "JobID",
    "ArrayJobID",
    "ArrayTaskID",
    "State",
    "exit_code",
    "UserID",
    "Partition",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "RestartCnt",
    "NodeList",
    "Reason",
)
_ACCOUNTING_FIELDS = (
    "jobid",
    "jobidraw",
    "state",
    "exitcode",
    "uid",
    "partition",
    "submit",
    "start",
    "end",
    "nodelist",
    "comment",
    "jobname",
)
_STATE = re.compile(r"([A-Z_]+)(?: by (\d+))?.*")
_TIME = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", re.ASCII)
_CONFIGURED = re.compile(r"^(\w+)(?:\[\d+\])?\s*= (.*)$", re.MULTILINE)
_NOTHING = ("", "N/A", "NONE", "None", "Unknown", "(null)", "None assigned")
_RAW_SIGNAL = 0x7F
_DAY, _HOUR = 24 * 60, 60

PARTITIONS = "sinfo -h -o '%P|%R|%L|%l'"
# The headings of sinfo's columns, by their format specifiers.
_COLUMNS = {
    "%R": "PARTITION",
    "%a": "AVAIL",
    "%l": "TIMELIMIT",
    "%L": "DEFAULTTIME",
    "%D": "NODES",
    "%F": "NODES(A/I/O/T)",
    "%C": "CPUS(A/I/O/T)",
    "%N": "NODELIST",
}


@dataclass(frozen=True)
class ExitCode:
    """The end of a job according to Slurm: its program's exit status, and the number of the signal that ended it (0 for none)."""

    status: int = 0
    signal: int = 0

    def __str__(self) -> str:
        return f"{self.status}:{self.signal}"


@dataclass(frozen=True)
class Record:
    """One record of a job, of an array element, or of all waiting elements of an array.

    Attributes:
        job: Slurm's number for this job or element alone.
        array: The number of the array that it belongs to; its own number if it belongs to none.
        task: The index in the array, or a list of indices such as ``5-20%2``; empty outside arrays.
        state: Slurm's word for the state.
        exit_code: How it ended; meaningless before.
        user: The numeric id of the job's owner.
        partition: The partition, or the candidates while it waits.
        submitted: The time of submission in seconds since 1970-01-01 UTC, like the other times; None if not known.
        started: When it began, or is expected to begin.
        ended: When it ended, or will end at the latest.
        restarts: How often it was put back into the queue.
        nodes: The nodes that it has or had; empty for a job that never began.
        reason: Why it is in this state.
        name: The job's name.
        comment: The job's comment.
        by: The numeric id of the user who cancelled it; empty if not known.
        source: The command that printed the record.
    """

    job: str
    array: str
    task: str
    state: str
    exit_code: ExitCode
    user: str = ""
    partition: str = ""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    restarts: int = 0
    nodes: str = ""
    reason: str = ""
    name: str = ""
    comment: str = ""
    by: str = ""
    source: str = "squeue"


@dataclass(frozen=True)
class Configuration:
    """The relevant part of a cluster's configuration.

    Attributes:
        cluster: The cluster's name.
        version: The release of Slurm, for people.
        has_accounting: True if there is a database of ended jobs.
        seconds_kept: How long the controller remembers an ended job.
        seconds_for_a_message: How long a command waits for the controller.
    """

    cluster: str
    version: str
    has_accounting: bool
    seconds_kept: float
    seconds_for_a_message: float


def queue_command(token: str, choice: str) -> str:
    """Return the ``squeue`` command that lists the jobs selected by the options *choice*, also ended ones. *token* ends its free texts."""
    fields = ",".join(f"{field}:|" for field in _QUEUE_FIELDS)
    return f"squeue -h -a -t all {choice} -O '{fields},Name:{token}n,Comment:{token}c'"


def parse_queue(text: str, token: str) -> list[Record]:
    """Parse the output of :func:`queue_command`; raises IOException if it is malformed."""
    *records, rest = text.split(f"{token}c\n")
    if rest.strip() and not rest.startswith("CLUSTER: "):
        raise _unreadable("squeue", rest)
    return [_queue_record(record, token) for record in records]


def _queue_record(text: str, token: str) -> Record:
    if text.startswith("CLUSTER: "):  # printed when a profile selects clusters
        text = text.partition("\n")[2]
    machine, mark, comment = text.partition(f"{token}n")
    values = machine.split("|", len(_QUEUE_FIELDS))
    if not mark or len(values) != len(_QUEUE_FIELDS) + 1 or not values[0].isdigit():
        raise _unreadable("squeue", text)
    fields = dict(zip(_QUEUE_FIELDS, (value.strip() for value in values), strict=False))
    return Record(
        job=fields["JobID"],
        array=fields["ArrayJobID"],
        task=_known(fields["ArrayTaskID"]),
        state=fields["State"],
        exit_code=parse_exit_code(fields["exit_code"]),
        user=fields["UserID"],
        partition=fields["Partition"],
        submitted=_moment(fields["SubmitTime"]),
        started=_moment(fields["StartTime"]),
        ended=_moment(fields["EndTime"]),
        restarts=int(fields["RestartCnt"]) if fields["RestartCnt"].isdigit() else 0,
        nodes=_known(fields["NodeList"]),
        reason=_known(fields["Reason"]),
        name=values[-1],
        comment="" if comment == "(null)" else comment,
    )


def accounting_command(token: str, choice: str) -> str:
    """Return the ``sacct`` command that lists the jobs selected by the options *choice*. *token* separates its fields."""
    return f"sacct -n -X -P --delimiter={token} {choice} -o {','.join(_ACCOUNTING_FIELDS)},eligible"


def parse_accounting(text: str, token: str) -> list[Record]:
    """Parse the output of :func:`accounting_command`; raises IOException if it is malformed."""
    values = text.split(token)
    width = len(_ACCOUNTING_FIELDS)
    if len(values) % width != 1 or (len(values) == 1 and text.strip()):
        raise _unreadable("sacct", text)
    return [_accounting_record(record) for record in _rows(values, width)]


def _rows(values: list[str], width: int) -> Iterator[dict[str, str]]:
    """Split *values* into rows. The last field of a row is not free text; what follows its line break is the next row's first field."""
    first = values[0]
    for start in range(1, len(values), width):
        row = values[start : start + width]
        _, _, following = row[-1].partition("\n")
        yield dict(zip(_ACCOUNTING_FIELDS, [first, *row], strict=False))
        first = following


def _accounting_record(fields: dict[str, str]) -> Record:
    array, underscore, task = fields["jobid"].partition("_")
    state = _STATE.fullmatch(fields["state"])
    if not state or not fields["jobidraw"].partition("+")[0].isdigit():
        raise _unreadable("sacct", " ".join(fields.values()))
    return Record(
        job=fields["jobidraw"],
        array=array if underscore else fields["jobidraw"],
        task=task.strip("[]"),
        state=state[1],
        exit_code=parse_exit_code(fields["exitcode"]),
        user=fields["uid"],
        partition=fields["partition"],
        submitted=_moment(fields["submit"]),
        started=_moment(fields["start"]),
        ended=_moment(fields["end"]),
        nodes=_known(fields["nodelist"]),
        name=fields["jobname"],
        comment=fields["comment"],
        by=state[2] or "",
        source="sacct",
    )


def parse_exit_code(text: str) -> ExitCode:
    """Parse an exit code: ``3:0`` in newer releases, and in older ones the raw status of the system call ``wait``, such as ``768``."""
    status, colon, signal = text.partition(":")
    if colon and status.isdigit() and signal.isdigit():
        return ExitCode(int(status), int(signal))
    if not text.isdigit():
        raise _unreadable("Slurm for the exit code", text)
    raw = int(text)
    number = raw & _RAW_SIGNAL
    return ExitCode(0, number) if number else ExitCode((raw >> 8) & 0xFF, 0)


def parse_partitions(text: str) -> list[Queue]:
    """Parse the output of :data:`PARTITIONS`: each partition once, in Slurm's order."""
    found: dict[str, Queue] = {}
    for line in text.splitlines():
        marked, _, rest = line.partition("|")
        fields = rest.split("|")
        if len(fields) == 3:
            name, default_time, most_time = fields
            found.setdefault(name, Queue(name, marked == f"{name}*", minutes(default_time), minutes(most_time)))
        elif not line.startswith("CLUSTER: ") and line.strip():
            raise _unreadable("sinfo", line)
    return list(found.values())


def partition_states_command(token: str) -> str:
    """Return the ``sinfo`` command that prints the states of all partitions. *token* ends each line."""
    return f"sinfo -h -a -o '{'|'.join(_COLUMNS)}{token}'"


def parse_partition_states(text: str, token: str) -> dict[str, dict[str, str]]:
    """Parse the output of :func:`partition_states_command` into values by partition and heading."""
    rows = [line.removesuffix(token).split("|") for line in text.splitlines() if line.endswith(token)]
    return {row[0]: dict(zip(_COLUMNS.values(), row, strict=True)) for row in rows}


def parse_configuration(text: str) -> Configuration:
    """Parse the output of ``scontrol show config``."""
    values: dict[str, str] = {name: value.strip() for name, value in _CONFIGURED.findall(text)}
    if "ClusterName" not in values:
        raise _unreadable("scontrol show config", text)
    return Configuration(
        cluster=values["ClusterName"],
        version=values.get("SLURM_VERSION", ""),
        has_accounting="slurmdbd" in values.get("AccountingStorageType", ""),
        seconds_kept=_seconds(values.get("MinJobAge", ""), 300) or float("inf"),  # 0 means forever
        seconds_for_a_message=_seconds(values.get("MessageTimeout", ""), 10),
    )


def minutes(text: str) -> int | None:
    """Convert ``1-02:03:04``, ``03:04`` (minutes and seconds) or ``UNLIMITED`` to minutes; None without a known limit."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    days, hours, minute, seconds = (int(part or 0) for part in match.groups())
    return days * _DAY + hours * _HOUR + minute + (seconds > 0)


def tag_of(record: Record) -> str:
    """Return the last word of a job's comment, which is the tag; empty without a comment."""
    return record.comment.rsplit(maxsplit=1)[-1] if record.comment.strip() else ""


def _known(text: str) -> str:
    return "" if text in _NOTHING else text


def _moment(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _seconds(text: str, default: float) -> float:
    number = text.partition(" ")[0]
    return float(number) if number.isdigit() else default


def _unreadable(command: str, text: str) -> IOException:
    shown = f"{text[:200]!r}{'…' if len(text) > 200 else ''}"
    reason = f"cannot parse the output of {command}: {shown}"
    return IOException(reason, adaptor="slurm", hint="Check that Slurm is 20.11 or later; if it is, please report this.")
