"""Runs a page: its blocks of Python are one program, from top to bottom, and a ``text`` block right behind one is what that has printed.

``python run_page.py PAGE`` in a process of its own, as a reader would run it. Where what is printed is long, or differs from run to run,
the page has ``...``.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers import myst, rest

__all__ = ["python_blocks"]


class Page:
    """A parser of the blocks of one page, which are evaluated in their order."""

    def __init__(self, suffix: str) -> None:
        code = rest.CodeBlockParser if suffix == ".rst" else myst.CodeBlockParser
        self._parsers = code("python", self._run), code("text", self._compare)
        self._evaluate = PythonEvaluator()
        self._checker = doctest.OutputChecker()
        self._said = ""
        self._end = 0

    def __call__(self, document: Document) -> Iterable[Region]:
        """The regions of *document* that are run or compared."""
        for parser in self._parsers:
            yield from parser(document)

    def _run(self, example: Example) -> str | None:
        if self._said:
            return f"what the block before has printed does not stand behind it:\n{self._said}"
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            self._evaluate(example)
        self._said, self._end = output.getvalue(), example.end
        return None

    def _compare(self, example: Example) -> str | None:
        if example.document.text[self._end : example.start].strip():
            return None  # a picture, or the output of something else
        said, self._said = self._said, ""
        if self._checker.check_output(example.parsed, said, doctest.ELLIPSIS):
            return None
        return f"the page says:\n{example.parsed}\nthe block prints:\n{said}"

    def finish(self) -> None:
        """Raise AssertionError when what the last block has printed is not on the page."""
        assert not self._said, f"what the last block has printed does not stand behind it:\n{self._said}"


def python_blocks(path: Path) -> list[str]:
    """The blocks of Python of a page."""
    parser = (rest.CodeBlockParser if path.suffix == ".rst" else myst.CodeBlockParser)("python")
    return [str(example.parsed) for example in Sybil([parser]).parse(path).examples()]


def run(path: Path) -> None:
    """Run a page; raises what its first block that fails has raised, or what differs from what the page says."""
    page = Page(path.suffix)
    for example in Sybil([page]).parse(path).examples():
        example.evaluate()
    page.finish()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
