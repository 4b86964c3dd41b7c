"""What can go wrong between a server's description of itself and the page about it.

::

    AdaptorDocsError
    ├── FactsError               the facts are not of the shape that this tool knows
    ├── TargetUnavailableError   the server to be asked for facts gave no answer
    └── WordsError               words are missing, orphaned or malformed
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
    """Words that are missing, orphaned or malformed. ``problems`` names each, all of them at once."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(f"cannot use the words in {source}:\n" + "\n".join(f"  - {problem}" for problem in self.problems))
