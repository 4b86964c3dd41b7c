"""Fit ``adaptors.toml`` to the adaptors of another release."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from pyxenon_adaptor_docs.errors import WordsError
from pyxenon_adaptor_docs.facts import KINDS, Facts
from pyxenon_adaptor_docs.words import parse_words
from pyxenon_codegen import toml_text
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.words import parse_toml
from pyxenon_codegen.words_file import WordsFile

_Path = tuple[str, ...]


@frozen
class FittedAdaptorWords:
    """The words for other adaptors, what is still wrong with them, and the names without words, as spelt in the file."""

    file: WordsFile
    complaints: tuple[str, ...]
    missing: tuple[str, ...]


def fit_adaptor_words(words: WordsFile, more: WordsFile, facts: Mapping[str, Facts]) -> FittedAdaptorWords:
    """Return the *words* for exactly the adaptors of *facts* (by server); entries of *more* take precedence."""
    tables = _overlaid(dict(words.tables), more.tables)
    error = _complaint(words.comment, tables, facts)
    while error is not None and error.left_over:  # leftovers within a table only show once the table itself is needed
        for name in error.left_over:
            _delete(tables, _path(name))
        error = _complaint(words.comment, tables, facts)
    complaints, missing = (error.problems, error.missing) if error is not None else ((), ())
    return FittedAdaptorWords(WordsFile(words.comment, tables), tuple(complaints), tuple(missing))


def adaptor_words_text(words: WordsFile) -> str:
    """Return the text of the file, table by table in their present order."""
    return words.comment + "".join(_blocks((), words.tables))


def skeleton_text(comment: str, missing: Iterable[str]) -> str:
    """Return a file with empty entries for what is *missing*."""
    tables: dict[str, Any] = {}
    for path in map(_path, missing):
        table = tables
        for key in path[:-1]:
            table = table.setdefault(key, {})
        table[path[-1]] = _form(path)
    return adaptor_words_text(WordsFile(comment, tables))


def _form(path: _Path) -> Any:
    """Return the empty entry for a path."""
    if len(path) == 2 and path[0] in KINDS:
        lists: dict[str, Any] = {"notes": [], "embedded": [], "java": []}
        return {"title": "", "about": "", **lists, "example": "", "prints": "", "locations": {}}
    forms = {"properties": ("does", "unit", "default_value", "default"), "types": ("title", "means"), "flags": ("title", "yes", "no")}
    return dict.fromkeys(forms[path[0]], "") if path[0] in forms else ""


def _complaint(comment: str, tables: Mapping[str, Any], facts: Mapping[str, Facts]) -> WordsError | None:
    try:
        parse_words(adaptor_words_text(WordsFile(comment, tables)), facts, "protos/adaptors.toml")
    except WordsError as error:
        return error
    return None


def _overlaid(tables: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return *tables* updated with *more*; a new entry goes after the one that precedes it in *more*."""
    result = copy.deepcopy(dict(tables))
    before = None
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _overlaid(result[key], value)
        elif key in result:
            result[key] = copy.deepcopy(value)
        else:
            result = _inserted(result, before, key, copy.deepcopy(value))
        before = key
    return result


def _inserted(table: Mapping[str, Any], before: str | None, key: str, value: Any) -> dict[str, Any]:
    items = list(table.items())
    place = len(items) if before is None else list(table).index(before) + 1
    return dict([*items[:place], (key, value), *items[place:]])


def _delete(tables: dict[str, Any], path: _Path) -> None:
    for key in path[:-1]:
        tables = tables[key]
    if path[-1] not in tables:
        raise CodegenError(f"protos/adaptors.toml has no {'.'.join(path)}, although it was reported as left over")
    del tables[path[-1]]


def _path(name: str) -> _Path:
    """Return the keys in a dotted name such as ``filesystems."sftp"``."""
    table: Any = parse_toml(f"{name} = 0", name)
    keys: list[str] = []
    while isinstance(table, dict):
        key, table = next(iter(table.items()))
        keys.append(key)
    return tuple(keys)


def _blocks(path: _Path, table: Mapping[str, Any]) -> list[str]:
    """Return a block for the table itself, if it has values, and one for each table in it."""
    own = {key: value for key, value in table.items() if not isinstance(value, dict)}
    inner = [block for key, value in table.items() if isinstance(value, dict) for block in _blocks((*path, key), value)]
    if not own and inner:
        return inner
    head = [toml_text.header(path)] if path else []
    return ["\n" + "\n".join([*head, *toml_text.entries(own, sys.maxsize)]) + "\n", *inner]
