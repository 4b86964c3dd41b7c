"""How text is laid out: whatever the words are, what is rendered must be Python, or a comment."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyxenon_codegen.descriptors import literal_lines
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.render import Renderer, block, comment, docstring

WORDS = st.text("abcXYZ \"'\\\n{}%#nrtxu0", max_size=300)


def _docstring_of(text: str) -> str:
    source = f'class Thing:\n    """{docstring(text, 4)}"""\n'
    tree = ast.parse(source)
    return ast.get_docstring(tree.body[0]) or ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        'Say "hello"',
        'It is called "x".',
        '"Quoted" from the start.',
        '"',
        '""',
        '"""',
        '""""',
        'Three """ inside.',
        'Three at the end """',
        "Ends with a backslash \\",
        "Ends with two \\\\",
        'Both \\"',
        r"A pattern such as \d+ or \N{x} or \u1234.",
        "It's single'",
        "Jinja {{ braces }} and {% blocks %} stay.",
        "",
    ],
)
def test_a_docstring_says_its_text_whatever_that_is(text: str) -> None:
    assert _docstring_of(text) == text


@given(WORDS)
@example('a"')
@example("a\\")
def test_any_text_makes_a_docstring_of_the_same_words(text: str) -> None:
    assert _docstring_of(text).split() == inspect.cleandoc(text).split()


def test_a_short_docstring_stays_on_one_line() -> None:
    assert docstring("Tell the time.", 4) == "Tell the time."


def test_a_long_docstring_is_broken_and_closed_on_a_line_of_its_own() -> None:
    lines = docstring("word " * 60, 8).split("\n")
    assert len(lines) == 4
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert max(map(len, lines)) <= 110
    assert lines[-1] == " " * 8


def test_paragraphs_stay_apart() -> None:
    assert docstring("One.\n\nTwo.", 4) == "One.\n\n    Two.\n    "


def test_a_continued_argument_is_indented_below_its_name() -> None:
    lines = docstring("Do.\n\nArgs:\n    path: " + "word " * 30, 4).split("\n")
    assert lines[2] == "    Args:"
    assert lines[3].startswith("        path: word")
    assert lines[4].startswith("            word")


def test_a_comment_has_a_mark_on_every_line() -> None:
    assert comment("One.\n\nTwo.", 4) == "    // One.\n    //\n    // Two."
    assert all(len(line) <= 110 and line.startswith("// word") for line in comment("word " * 60, 0).split("\n"))


@given(WORDS)
def test_any_text_stays_within_its_comment(text: str) -> None:
    assert all(line.startswith("  //") for line in comment(text, 2).split("\n") if line)


@given(WORDS)
@example('"""')
@example("\\")
def test_any_text_stands_between_three_quotes(text: str) -> None:
    assert ast.literal_eval(f'"""\\\n{block(text)}\n"""') == f"{text}\n"


@given(st.binary(min_size=1, max_size=500))
def test_any_bytes_are_literals_beneath_each_other(data: bytes) -> None:
    lines = literal_lines(data, 40)
    assert ast.literal_eval("(" + "\n".join(lines) + ")") == data
    assert max(map(len, lines)) <= 40


def test_a_name_that_a_template_has_no_value_for_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("{{ missing }}", encoding="utf-8")
    with pytest.raises(CodegenError, match=r"^the template a\.j2 cannot be rendered: 'missing' is undefined$"):
        Renderer(tmp_path).render("a.j2", {})


def test_a_broken_template_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("fine\n{% for %}", encoding="utf-8")
    with pytest.raises(CodegenError, match=r"^the template a\.j2, line 2 cannot be rendered: "):
        Renderer(tmp_path).render("a.j2", {})


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=r"absent\.j2"):
        Renderer(tmp_path).render("absent.j2", {})
