"""Adaptor metadata in, ``docs/adaptors.rst`` out.

``snapshot`` asks a live server for the facts, ``adaptors.toml`` holds the words about them, and ``render`` joins the two.
"""

from __future__ import annotations

from adaptor_docs.errors import AdaptorDocsError, FactsError, TargetUnavailableError, WordsError
from adaptor_docs.render import render

__all__ = ["AdaptorDocsError", "FactsError", "TargetUnavailableError", "WordsError", "render"]

__version__ = "4.0.0.dev0"
