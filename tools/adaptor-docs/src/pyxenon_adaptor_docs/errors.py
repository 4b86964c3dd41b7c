"""The errors of this tool.

::

    AdaptorDocsError
    ├── FactsError               the facts have an unknown shape
    ├── TargetUnavailableError   the server did not answer
    └── WordsError               words are missing, left over or malformed
"""

from __future__ import annotations

from collections.abc import Iterable


class AdaptorDocsError(Exception):
    """The base class of this tool's errors; the text is for people."""


class FactsError(AdaptorDocsError):
    """Facts of an unknown shape. ``source`` says where they come from."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"cannot use the facts in {source}: {reason}")
        self.source = source
        self.reason = reason


class TargetUnavailableError(AdaptorDocsError):
    """The server could not be started or reached, or did not answer."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot ask {target} for its adaptors: {reason}")
        self.target = target
        self.reason = reason


class WordsError(AdaptorDocsError):
    """Words that are missing, left over or malformed, all in one error.

    ``missing`` names the facts without words, ``left_over`` the words without facts, as spelt in the file; ``problems`` has a sentence
    for each of these and for every other problem.
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
