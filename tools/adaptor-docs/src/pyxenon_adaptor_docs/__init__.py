"""Make ``docs/adaptors.rst`` from adaptor metadata.

``collect`` asks running servers for the facts, ``adaptors.toml`` describes them, ``render`` joins the two, and ``check`` compares the
facts with a running server.
"""

from __future__ import annotations

from pyxenon_adaptor_docs.errors import AdaptorDocsError, FactsError, TargetUnavailableError, WordsError
from pyxenon_adaptor_docs.render import render
from pyxenon_adaptor_docs.servers import SNAPSHOTS

__all__ = ["SNAPSHOTS", "AdaptorDocsError", "FactsError", "TargetUnavailableError", "WordsError", "render"]
