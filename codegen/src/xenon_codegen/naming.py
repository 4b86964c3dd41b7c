"""Names: from the interface's casing to Python's, and the words that Python keeps for itself."""

from __future__ import annotations

import builtins
import keyword
import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# Names that a generated module or class body needs under their usual meaning, so that no method or parameter may take them as they are.
_TAKEN_BY_GENERATED_CODE = frozenset({"self", "cls", "messages", "services", "builtins"})


def snake_case(name: str) -> str:
    """``getAdaptorNames`` and ``GetAdaptorNames`` both become ``get_adaptor_names``; digits stay with the word before them."""
    words: list[str] = []
    for word in _WORD.findall(name):
        if word.isdigit() and words:
            words[-1] += word
        else:
            words.append(word.lower())
    return "_".join(words)


def constant_case(name: str) -> str:
    """``readFromFile`` becomes ``READ_FROM_FILE``."""
    return snake_case(name).upper()


def python_name(name: str) -> str:
    """The snake-case name, with an underscore behind it where Python or the generated code keeps that word for itself."""
    candidate = snake_case(name)
    if keyword.iskeyword(candidate) or candidate in _TAKEN_BY_GENERATED_CODE:
        return f"{candidate}_"
    return candidate


def shadows_builtin(name: str) -> bool:
    """Whether a method of this name hides a builtin inside its class body, as ``list`` does."""
    return hasattr(builtins, name)
