"""The only Jinja environment: strict about names, with filters for text layout."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from pyxenon_codegen.errors import CodegenError

_WIDTH = 110
_ITEM = re.compile(r"\S+(?: \([^)]*\))?:(?: |$)")  # of a section such as Args or Attributes: a name, perhaps its type, and a colon


class Renderer:
    """Renders the templates below one folder."""

    def __init__(self, folder: Path) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - what is rendered is Python and proto text, not HTML
        )
        self._environment.filters.update(docstring=docstring, comment=comment, block=block, literal=repr)

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        """Return the text of one template; raises :class:`CodegenError` naming the template and the failing line."""
        try:
            return self._environment.get_template(template).render(context)
        except jinja2.TemplateError as error:
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise CodegenError(f"the template {template}{line} cannot be rendered: {error}") from error


def docstring(text: str, indent: int) -> str:
    """Return *text*, its paragraphs filled, for a docstring whose quotes are at *indent* columns."""
    words = text.strip()
    inner = words.rstrip('"')  # quotes at the end would merge with the closing quotes
    words = inner.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + '\\"' * (len(words) - len(inner))
    lines = _filled(words, _WIDTH - indent)
    margin = " " * indent
    body = "\n".join(f"{margin}{line}" if line else "" for line in lines).lstrip()
    return f"{body}\n{margin}" if len(lines) > 1 else body


def block(text: str) -> str:
    """Return *text*, which ends with a newline, for a triple-quoted string."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def comment(text: str, indent: int) -> str:
    """Return *text* as the comment of a proto."""
    lines = _filled(text.strip(), _WIDTH - indent - 3)
    return "\n".join(" " * indent + f"// {line}".rstrip() for line in lines)


def _filled(text: str, width: int) -> list[str]:
    """Wrap long lines; a continuation line has the same indentation, and one step more in a section such as ``Args:``."""
    lines: list[str] = []
    for line in text.splitlines():
        margin = line[: len(line) - len(line.lstrip())]
        hanging = margin + "    " if margin and _ITEM.match(line.lstrip()) else margin
        lines += textwrap.wrap(line, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False) or [""]
    return lines
