"""Write TOML in one canonical form, so that the same words always give the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from pyxenon_codegen.errors import CodegenError

_WIDTH = 105
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key_text(key: str) -> str:
    """Return a key, quoted if necessary."""
    return key if _BARE.fullmatch(key) else _basic(key)


def header(path: Iterable[str]) -> str:
    """Return the header of a table."""
    return f"[{'.'.join(key_text(key) for key in path)}]"


def entry(key: str, value: str | bool | Iterable[str], width: int = _WIDTH) -> str:
    """Return the lines that set *key* to a *value*: text, true or false, or a list of texts. Long text starts on a new line."""
    if isinstance(value, bool):
        return f"{key_text(key)} = {str(value).lower()}"
    if isinstance(value, str):
        return _text(key_text(key), value, width)
    return _list(key_text(key), list(value))


def entries(table: Mapping[str, str | bool | Iterable[str]], width: int = _WIDTH) -> list[str]:
    """Return the lines of a table that contains no tables."""
    return [entry(key, value, width) for key, value in table.items()]


def require_comments(name: str, before: str, after: str) -> None:
    """Raise :class:`CodegenError` if a comment in the text *before* is missing in its replacement *after*."""
    kept = {line.strip() for line in after.splitlines()}
    for number, line in enumerate(before.splitlines(), 1):
        if line.strip().startswith("#") and line.strip() not in kept:
            raise CodegenError(f"{name}, line {number}: a comment here would be lost when the file is rewritten; move it to the top")


def _text(key: str, value: str, width: int) -> str:
    line = f"{key} = {_basic(value)}"
    if "\n" not in value and len(line) <= width:
        return line
    if "\\" in value and "'''" not in value and not value.endswith("'") and not _CONTROL.search(value):
        return f"{key} = '''\n{value}'''"  # unchanged: for example a program
    escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
    escaped = f'{escaped[:-1]}\\"' if escaped.endswith('"') else escaped
    control = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped)
    return f'{key} = """\n{control}"""'


def _list(key: str, values: list[str]) -> str:
    line = f"{key} = [{', '.join(_basic(value) for value in values)}]"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{key} = [", *(f"    {_basic(value)}," for value in values), "]"])


def _basic(value: str) -> str:
    # JSON strings are valid TOML, except for the delete character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
