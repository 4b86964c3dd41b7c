"""What can go wrong between a server's description of itself and the page about it.

::

    AdaptorDocsError
    ├── FactsError               the facts are not of the shape that this tool knows
    ├── TargetUnavailableError   the server to be asked for facts gave no answer
    └── WordsError               words are missing, left over or malformed
"""

from __future__ import annotations

from collections.abc import Iterable


class AdaptorDocsError(Exception):
    """Base of every error of this tool; its text is meant to be read by a person."""


class FactsError(AdaptorDocsError):
    """Facts of a shape that this tool does not know. ``source`` names where they came from."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"cannot use the facts in {source}: {reason}")
        self.source = source
        self.reason = reason


class TargetUnavailableError(AdaptorDocsError):
    """The server to be asked for facts could not be started or reached, or gave no answer."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot ask {target} for its adaptors: {reason}")
        self.target = target
        self.reason = reason


class WordsError(AdaptorDocsError):
    """Words that are missing, left over or malformed: all of them at once.

    ``missing`` names the facts without words, ``left_over`` the words without facts, as the file spells them; ``problems`` has a sentence
    for each of these and for whatever else is wrong.
    """

    def __init__(self, source: str, problems: Iterable[str], missing: Iterable[str] = (), left_over: Iterable[str] = ()) -> None:
        self.source = source
        self.missing = tuple(missing)
        self.left_over = tuple(left_over)
        self.problems = (
            *problems,
            *(f"{name} is missing: the adaptors have it, and nothing here says what it is" for name in self.missing),
            *(f"{name} is left over: no adaptor has it; delete it, or name it in 'absent'" for name in self.left_over),
        )
        super().__init__(f"cannot use the words in {source}:\n" + "\n".join(f"  - {problem}" for problem in self.problems))
