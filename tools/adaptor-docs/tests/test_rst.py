"""Whatever a server calls things, the page shows it as it is, and no character of it is taken for markup."""

from __future__ import annotations

import docutils.core
import docutils.nodes
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyxenon_adaptor_docs.rst import escape, heading, literal, simple_table, visible, wrap

_MARKUP = st.text(alphabet="`*_|\\:.[]<>-=+~#!'\" ab1\n\t漢e\u0301\u200b\x00\x1b", max_size=12)
_ANY_TEXT = st.one_of(st.text(max_size=20), _MARKUP)
_PATIENTLY = settings(deadline=None)  # a busy machine is no fault of the text


def _parse(source: str) -> docutils.nodes.document:
    settings = {"report_level": 1, "halt_level": 2, "warning_stream": "", "input_encoding": "unicode", "file_insertion_enabled": False}
    return docutils.core.publish_doctree(source, settings_overrides=settings)


def _literals(document: docutils.nodes.document) -> list[str]:
    return [node.astext() for node in document.findall(docutils.nodes.literal)]


@_PATIENTLY
@given(_ANY_TEXT)
@example("``")
@example("\\")
@example("a\\`b``c")
@example("host[:port][/workdir][ via:otherhost[:port]]*")
@example(".. include:: /etc/passwd")
def test_a_literal_in_a_table_cell_is_the_text_itself(text: str) -> None:
    table = f".. list-table::\n\n    * - {literal(text)}\n      - next\n"
    assert _literals(_parse(table)) == ([visible(text)] if visible(text) else [])


@_PATIENTLY
@given(_ANY_TEXT)
@example("a : b")
def test_a_literal_is_a_term_of_its_own(text: str) -> None:
    document = _parse(f"{literal(text)}\n    what it means\n")
    (term,) = document.findall(docutils.nodes.term)
    assert term.astext() == (visible(text) or "(empty)")
    assert not list(document.findall(docutils.nodes.classifier))


@_PATIENTLY
@given(_ANY_TEXT)
@example("A. one")
@example("https://example.org/ someone@example.org")
@example("- item")
@example("\\\\")
def test_an_escaped_text_is_plain_text(text: str) -> None:
    document = _parse(f"before\n\n{escape(text)}\n")
    shown = [node.astext() for node in document.children[1:]]
    assert shown == ([visible(text)] if visible(text) else [])
    assert {type(node) for node in document.findall() if isinstance(node, docutils.nodes.Inline)} <= {docutils.nodes.Text}


@_PATIENTLY
@given(_ANY_TEXT)
def test_an_escaped_text_is_a_heading(text: str) -> None:
    document = _parse(f"{heading(escape(text) + ': title', '=')}\n\nbody\n")
    (title,) = document.findall(docutils.nodes.title)
    assert title.astext() == (f"{visible(text)}: title" if visible(text) else ": title")


@_PATIENTLY
@given(st.lists(_ANY_TEXT.filter(lambda text: visible(text) != ""), min_size=2, max_size=6))
@example(["0", "\\"])
@example(["a", "\\\\"])
@example(["漢字", "e\u0301", "a", "b"])
def test_cells_of_a_simple_table_keep_their_texts(texts: list[str]) -> None:
    table = simple_table(["one", "two"], [[escape(text), literal(text)] for text in texts])
    cells = [entry.astext() for entry in _parse(table).findall(docutils.nodes.entry)]
    assert cells == ["one", "two", *(visible(text) for text in texts for _ in range(2))]


def test_visible_shows_what_has_no_glyph_and_keeps_one_line() -> None:
    assert visible(" a\x00b\u200bc \n\t d\ud800 ") == "a\\x00b\\u200bc d\\ud800"


def test_a_plain_literal_stays_readable_in_the_source() -> None:
    assert literal("xenon.adaptors.schedulers.ssh.agent") == "``xenon.adaptors.schedulers.ssh.agent``"
    assert literal("") == "*(empty)*"
    assert escape("Grid Engine 8") == "Grid Engine 8"


def test_a_table_lines_its_columns_up() -> None:
    assert simple_table(["name", "b"], [["x", "yes"], ["longer", "no"]]).splitlines() == [
        "======  ===",
        "name    b",
        "======  ===",
        "x       yes",
        "longer  no",
        "======  ===",
    ]


@pytest.mark.parametrize("rows", [[["a"]], [["", "b"]]])
def test_a_table_refuses_rows_that_would_read_as_something_else(rows: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="2 cells, the first not empty"):
        simple_table(["one", "two"], rows)


def test_wrapping_keeps_paragraphs_and_indents_all_but_the_first_line() -> None:
    lines = wrap("word " * 40 + "\n\nsecond", indent=4).splitlines()
    assert [line[:5] for line in lines[:2]] == ["word ", "    w"]
    assert lines[-2:] == ["", "    second"]
    assert max(map(len, lines)) <= 110
