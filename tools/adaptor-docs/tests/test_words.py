"""Words fit the facts one to one: a missing, orphaned or outdated one is named, all of them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adaptor_docs.errors import WordsError
from adaptor_docs.facts import Facts, parse_facts
from adaptor_docs.words import load_words, parse_words


@pytest.fixture
def facts(facts_data: dict[str, Any]) -> Facts:
    return parse_facts(facts_data, "test")


def _problems(text: str, facts: Facts) -> tuple[str, ...]:
    with pytest.raises(WordsError) as caught:
        parse_words(text, facts, "some/words.toml")
    assert "some/words.toml" in str(caught.value)
    return caught.value.problems


def test_fitting_words_are_read(words_text: str, facts: Facts) -> None:
    words = parse_words(words_text, facts, "test")
    assert words.adaptors["filesystems"]["tape"].locations == {"robot[/shelf]": "r2/7"}
    assert words.flags["schedulers"]["is_embedded"].no == "It is not embedded."
    assert words.kinds["filesystems"].java == ("A trap of all file systems.",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('PasswordCredential = "A password."', "", 'credentials."PasswordCredential" is missing'),
        ("[types.SIZE]", "[types.SPEED]", 'types."SIZE" is missing'),
        ("[types.SIZE]", "[types.SPEED]", 'types."SPEED" is orphaned'),
        ('"robot[/shelf]" = "A robot."', '"elsewhere" = "?"', 'locations."elsewhere" is orphaned'),
        ('"robot[/shelf]" = "r2/7"', "", 'filesystems.tape.locations."robot[/shelf]" is missing'),
        ("supports_rename]", "supports_moving]", 'flags.filesystems."supports_rename" is missing'),
        ("[schedulers.abacus", "[schedulers.loom", 'schedulers."abacus" is missing'),
        ("[schedulers.abacus", "[schedulers.loom", 'schedulers."loom" is orphaned'),
        ("x.filesystems.tape.speed", "x.filesystems.tape.noise", 'properties."x.filesystems.tape.noise" is orphaned'),
        ('default_value = "8K"', 'default_value = "9K"', "speaks of the default '9K', but tape has '8K'"),
        ('title = "beads"', "", "schedulers.abacus.title is missing"),
        ('title = "beads"', 'title = " "', "schedulers.abacus.title must be text, and not empty"),
        ('title = "beads"', 'title = "beads"\ncolour = "red"', "schedulers.abacus.colour is a word for nothing"),
        ('does = "How fast."', "does = 3", 'properties."x.filesystems.tape.speed".does must be text'),
        ('notes = ["Tapes are slow."]', 'notes = ["", 3]', "filesystems.tape.notes must be a list of texts"),
        (
            'servers = ["java"]',
            'servers = ["embedded"]',
            "abacus.java has notes, and schedulers.abacus.servers does not name 'java'",
        ),
        ('servers = ["java"]', 'servers = ["java", "cobol"]', "schedulers.abacus.servers names 'cobol'; there are embedded, java"),
        ('servers = ["java"]', "", "schedulers.abacus.servers is missing"),
        ("[kinds.schedulers]", "[kinds.robots]", "kinds.schedulers is missing"),
        ("[types.SIZE]", "[types]\nSIZE = 1\n[more]", "types.SIZE must be a table"),
        ("[types.SIZE]", "[types]\nSIZE = 1\n[more]", "more is a word for nothing"),
    ],
)
def test_what_does_not_fit_is_named(old: str, new: str, said: str, words_text: str, facts: Facts) -> None:
    assert old in words_text
    assert any(said in problem for problem in _problems(words_text.replace(old, new), facts)), said


def test_every_problem_is_named_at_once(words_text: str, facts: Facts) -> None:
    problems = _problems(words_text.replace('title = "beads"', "").replace('does = "How fast."', ""), facts)
    assert problems == (
        'properties."x.filesystems.tape.speed".does is missing',
        "schedulers.abacus.title is missing",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, facts: Facts) -> None:
    path = tmp_path / "words.toml"
    with pytest.raises(WordsError, match="cannot be read"):
        load_words(path, facts)
    path.write_bytes(b"\xff")
    with pytest.raises(WordsError, match="not UTF-8"):
        load_words(path, facts)
    path.write_text("= nothing")
    with pytest.raises(WordsError, match="not TOML"):
        load_words(path, facts)
