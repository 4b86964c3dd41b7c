"""Adaptor metadata in, ``docs/adaptors.rst`` out.

``collect`` asks live servers for the facts, ``adaptors.toml`` holds the words about them, ``render`` joins the two, and ``check`` holds the
facts against a live server.
"""

from __future__ import annotations

from pyxenon_adaptor_docs.errors import AdaptorDocsError, FactsError, TargetUnavailableError, WordsError
from pyxenon_adaptor_docs.render import render
from pyxenon_adaptor_docs.servers import SNAPSHOTS

__all__ = ["SNAPSHOTS", "AdaptorDocsError", "FactsError", "TargetUnavailableError", "WordsError", "render"]
