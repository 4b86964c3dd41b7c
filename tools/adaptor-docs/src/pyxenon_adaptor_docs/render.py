"""Render the page from facts and words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jinja2

from pyxenon_adaptor_docs.facts import load_facts
from pyxenon_adaptor_docs.views import page_view
from pyxenon_adaptor_docs.words import load_words

TEMPLATE = "adaptors.rst.j2"


def render(facts_paths: Mapping[str, Path], words_path: Path, template_dir: Path) -> str:
    """Return the page about the adaptors as reStructuredText ending in a newline. The same files always give the same text.

    *facts_paths* has the snapshot of each server, ``embedded`` and ``java``; *words_path* is an ``adaptors.toml``, and *template_dir* holds
    ``adaptors.rst.j2``. Raises :class:`~pyxenon_adaptor_docs.errors.FactsError`, :class:`~pyxenon_adaptor_docs.errors.WordsError`, or
    Jinja's own errors for a faulty template.
    """
    facts = {server: load_facts(path) for server, path in facts_paths.items()}
    words = load_words(words_path, facts)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the page is reStructuredText, which pyxenon_adaptor_docs.rst escapes; HTML escapes would be visible
    )
    return environment.get_template(TEMPLATE).render(page=page_view(facts, words))
