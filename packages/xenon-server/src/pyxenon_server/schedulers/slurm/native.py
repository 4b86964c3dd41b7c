"""Check the scheduler arguments of a job description, which are options for Slurm itself, and extract the comment and the name.

``getopt`` accepts abbreviated long options and combined short ones, and takes the first word that is not an option for the program to run.
So options that would change the answer of ``sbatch``, or what runs, are recognised in all these forms.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pyxenon_core.errors import UnsupportedJobDescriptionException

__all__ = ["NativeOptions", "native_options"]

_WITH_VALUE = re.compile(r"(-[A-Za-z]|--[A-Za-z][A-Za-z-]*)[ \t]+(.*)", re.DOTALL | re.ASCII)
_ELSEWHERE = "open a scheduler on that cluster instead"
_WAITING = "wait for the job instead"
_PROGRAM = "the job runs the description's executable and arguments"
_NOTHING = "with it no job would be submitted"
_REFUSED = {
    "clusters": _ELSEWHERE,
    "wait": _WAITING,
    "wrap": _PROGRAM,
    "test-only": _NOTHING,
    "help": _NOTHING,
    "usage": _NOTHING,
    "version": _NOTHING,
}
_REFUSED_LETTERS = {"M": _ELSEWHERE, "W": _WAITING, "h": _NOTHING, "V": _NOTHING}
# Options that take no value from the following word.
_FLAG_LETTERS = "HIOQXklsuv"
_FLAGS = (
    "contiguous",
    "disable-status",
    "exclusive",
    "get-user-env",
    "hold",
    "ignore-pbs",
    "immediate",
    "label",
    "nice",
    "no-kill",
    "no-requeue",
    "overcommit",
    "overlap",
    "oversubscribe",
    "parsable",
    "propagate",
    "pty",
    "quiet",
    "reboot",
    "requeue",
    "resv-ports",
    "share",
    "spread-job",
    "unbuffered",
    "use-min-nodes",
    "verbose",
)


@dataclass
class NativeOptions:
    """Checked scheduler arguments.

    Attributes:
        words: The options and their values, without the comment.
        comment: The comment that they set, to be joined with the tag; empty if they set none.
        name: The job name that they set; empty if they set none.
    """

    words: list[str] = field(default_factory=list)
    comment: str = ""
    name: str = ""


def native_options(arguments: Iterable[str]) -> NativeOptions:
    """Check and split *arguments*; raises UnsupportedJobDescriptionException for those that are not supported."""
    found = NativeOptions()
    words = deque(word for argument in arguments for word in _words(argument))
    while words:
        word = words.popleft()
        _require_allowed(word)
        option, value = _parts(word)
        own = [word]
        is_comment = _is("--comment", option, 5)
        if value is None and words and (is_comment or not words[0].startswith("-")):
            value = words.popleft()
            own.append(value)
        if is_comment:
            found.comment = value or ""
        else:
            found.words += own
        if option == "-J" or _is("--job-name", option, 3):
            found.name = value or ""
    return found


def _words(argument: str) -> list[str]:
    """Split an argument that contains an option and its value, as in an #SBATCH line."""
    apart = _WITH_VALUE.fullmatch(argument)
    return [apart[1], apart[2]] if apart else [argument]


def _parts(word: str) -> tuple[str, str | None]:
    """Split *word* into an option and its value; the value is None if it may be the next word."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        is_flag = any(flag.startswith(option[2:]) for flag in _FLAGS)
        return option, value if equals or is_flag else None
    letters = word[1:].lstrip(_FLAG_LETTERS)
    return (f"-{letters[0]}", letters[1:] or None) if letters else (word, "")


def _is(name: str, option: str, least: int) -> bool:
    """Return True if *option* is *name*, or an abbreviation of it with at least *least* characters."""
    return len(option) >= least and name.startswith(option)


def _require_allowed(word: str) -> None:
    advice = _advice(word)
    if advice:
        reason = f"the scheduler argument {word!r} is not supported"
        raise UnsupportedJobDescriptionException(reason, adaptor="slurm", hint=f"Leave it out: {advice}.")


def _advice(word: str) -> str:
    """Return why to leave *word* out, or what to do instead; empty if it can be used."""
    if not word.startswith("-") or word in ("-", "--"):
        return f"it is not an option, and {_PROGRAM}"
    if word.startswith("--"):
        option = word[2:].partition("=")[0]
        return next((advice for name, advice in _REFUSED.items() if name.startswith(option)), "")
    letters = word[1:].lstrip(_FLAG_LETTERS)
    return _REFUSED_LETTERS.get(letters[:1], "")
