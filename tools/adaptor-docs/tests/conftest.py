"""Two small servers' worth of facts, and words that fit them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

_FACTS: dict[str, Any] = {
    "filesystems": [
        {
            "name": "tape",
            "supported_locations": ["robot[/shelf]"],
            "supported_credentials": ["PasswordCredential"],
            "can_append": True,
            "supports_rename": False,
            "supported_properties": [{"name": "x.filesystems.tape.speed", "type": "SIZE", "default_value": "8K"}],
        }
    ],
    "schedulers": [
        {
            "name": "abacus",
            "supported_locations": [],
            "supported_credentials": [],
            "is_embedded": True,
            "supported_properties": [],
        }
    ],
}

_WORDS = """
[kinds.filesystems]
about = "About file systems."
embedded = ["A treat of all file systems."]
java = ["A trap of all file systems."]
[kinds.schedulers]
about = "About schedulers."
embedded = []
java = []
[types.SIZE]
title = "size"
means = "Bytes."
[credentials]
PasswordCredential = "A password."
[locations]
"robot[/shelf]" = "A robot."
[flags.filesystems.can_append]
title = "Appends"
yes = "It can append."
no = "It cannot append."
[flags.filesystems.supports_rename]
title = "Renames"
yes = "It can rename."
no = "It cannot rename."
[flags.schedulers.is_embedded]
title = "Embedded"
yes = "It is embedded."
no = "It is not embedded."
[properties."x.filesystems.tape.speed"]
does = "How fast."
default_value = "8K"
default = "slowly."
[filesystems.tape]
title = "tapes in a robot"
about = "Reaches tapes."
notes = ["Tapes are slow."]
embedded = ["Tapes are rewound."]
java = []
example = "print('tape')"
prints = "tape"
[filesystems.tape.locations]
"robot[/shelf]" = "r2/7"
[schedulers.abacus]
title = "beads"
about = "Counts."
notes = []
embedded = []
java = ["Beads fall off."]
example = "print('abacus')"
prints = "abacus"
fails.java = "Beads fell off."
[schedulers.abacus.locations]
"""


@pytest.fixture
def facts_data() -> dict[str, Any]:
    """The decoded facts of the server ``java``, a copy that a test may change."""
    return copy.deepcopy(_FACTS)


@pytest.fixture
def embedded_data() -> dict[str, Any]:
    """The decoded facts of the server ``embedded``, which has no scheduler, a copy that a test may change."""
    return {**copy.deepcopy(_FACTS), "schedulers": []}


@pytest.fixture
def words_text() -> str:
    """The words that fit :func:`facts_data` and :func:`embedded_data`, as TOML."""
    return _WORDS
