"""Convert the names of the interface to Python's style, and avoid reserved ones."""

from __future__ import annotations

import builtins
import keyword
import re

from betterproto2_compiler.compile.naming import pythonize_field_name

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# Names that generated code uses itself, so that no method or parameter may have them.
_TAKEN_BY_GENERATED_CODE = frozenset(
    {
        *("self", "cls"),
        *("builtins", "messages", "services", "views", "waiting", "pyxenon_core"),  # modules
        *(
            "current_session",
            "first_response",
            "nothing_in",
            "mapping_of",
            "path_text",
            "requests",
            "strings",
            "text_of",
        ),  # functions that methods call
        *("ask", "milliseconds", "request", "session"),  # variables that are set before the parameters are read
        *("core", "handle"),  # attributes of the classes that the methods are in
    }
)


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


def attribute_name(name: str) -> str:
    """Return the attribute name that betterproto2's compiler gives to a field."""
    return pythonize_field_name(name)


def free_name(name: str) -> str:
    """Return *name*, with an underscore appended if Python or the generated code reserves it."""
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN_BY_GENERATED_CODE else name


def python_name(name: str) -> str:
    """Return the name in snake case, and not reserved."""
    return free_name(snake_case(name))


def shadows_builtin(name: str) -> bool:
    """Return True if a method of this name hides a builtin inside its class body, as ``list`` does."""
    return hasattr(builtins, name)
