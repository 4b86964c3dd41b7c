"""Words fit the facts one to one: a missing, left-over or outdated one is named, all of them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyxenon_adaptor_docs.errors import WordsError
from pyxenon_adaptor_docs.facts import Facts, parse_facts
from pyxenon_adaptor_docs.words import load_words, parse_words

Servers = dict[str, Facts]


@pytest.fixture
def facts(facts_data: dict[str, Any], embedded_data: dict[str, Any]) -> Servers:
    return {"embedded": parse_facts(embedded_data, "test"), "java": parse_facts(facts_data, "test")}


def _problems(text: str, facts: Servers) -> tuple[str, ...]:
    with pytest.raises(WordsError) as caught:
        parse_words(text, facts, "some/words.toml")
    assert "some/words.toml" in str(caught.value)
    return caught.value.problems


def test_fitting_words_are_read(words_text: str, facts: Servers) -> None:
    words = parse_words(words_text, facts, "test")
    assert words.adaptors["filesystems"]["tape"].locations == {"robot[/shelf]": "r2/7"}
    assert words.flags["schedulers"]["is_embedded"].no == "It is not embedded."
    assert words.kinds["filesystems"].java == ("A trap of all file systems.",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('PasswordCredential = "A password."', "", 'credentials."PasswordCredential" is missing'),
        ("[types.SIZE]", "[types.SPEED]", 'types."SIZE" is missing'),
        ("[types.SIZE]", "[types.SPEED]", 'types."SPEED" is left over'),
        ('"robot[/shelf]" = "A robot."', '"elsewhere" = "?"', 'locations."elsewhere" is left over'),
        ('"robot[/shelf]" = "r2/7"', "", 'filesystems.tape.locations."robot[/shelf]" is missing'),
        ("supports_rename]", "supports_moving]", 'flags.filesystems."supports_rename" is missing'),
        ("[schedulers.abacus", "[schedulers.loom", 'schedulers."abacus" is missing'),
        ("[schedulers.abacus", "[schedulers.loom", 'schedulers."loom" is left over'),
        ("x.filesystems.tape.speed", "x.filesystems.tape.noise", 'properties."x.filesystems.tape.noise" is left over'),
        ('default_value = "8K"', 'default_value = "9K"', "speaks of the default '9K', but embedded: has '8K'"),
        ('title = "beads"', "", "schedulers.abacus.title is missing"),
        ('title = "beads"', 'title = " "', "schedulers.abacus.title must be text, and not empty"),
        ('title = "beads"', 'title = "beads"\ncolour = "red"', "schedulers.abacus.colour is a word for nothing"),
        ('does = "How fast."', "does = 3", 'properties."x.filesystems.tape.speed".does must be text'),
        ('notes = ["Tapes are slow."]', 'notes = ["", 3]', "filesystems.tape.notes must be a list of texts"),
        (
            'java = ["Beads fall off."]',
            'java = ["?"]\nfails.cobol = "?"',
            "schedulers.abacus.fails names 'cobol', and cobol: does not have",
        ),
        (
            'embedded = []\njava = ["Beads',
            'embedded = ["?"]\njava = ["Beads',
            "schedulers.abacus.embedded has notes, and embedded: does not have",
        ),
        ('fails.java = "Beads fell off."', "fails = 3", "schedulers.abacus.fails must be a table"),
        ('prints = "tape"', "", "filesystems.tape.prints is missing"),
        ('default = "slowly."', 'unit = ""\ndefault = "slowly."', 'speed".unit must be text, and not empty'),
        ("[kinds.schedulers]", "[kinds.robots]", "kinds.schedulers is missing"),
        ("[types.SIZE]", "[types]\nSIZE = 1\n[more]", "types.SIZE must be a table"),
        ("[types.SIZE]", "[types]\nSIZE = 1\n[more]", "more is a word for nothing"),
    ],
)
def test_what_does_not_fit_is_named(old: str, new: str, said: str, words_text: str, facts: Servers) -> None:
    assert old in words_text
    assert any(said in problem for problem in _problems(words_text.replace(old, new), facts)), said


def test_words_of_another_release_are_told_apart(words_text: str, facts_data: dict[str, Any], facts: Servers) -> None:
    """As when the facts of a release are taken that has an adaptor more, and lacks another."""
    drum = {**facts_data["filesystems"][0], "name": "drum", "supported_locations": ["drum[/shelf]"]}
    other = {"java": parse_facts({"filesystems": [drum], "schedulers": []}, "another release")}
    with pytest.raises(WordsError) as caught:
        parse_words(words_text, other, "test")
    assert caught.value.missing == ('locations."drum[/shelf]"', 'filesystems."drum"')
    assert caught.value.left_over == (
        'locations."robot[/shelf]"',
        'filesystems."tape"',
        'flags.schedulers."is_embedded"',
        'schedulers."abacus"',
    )
    assert len(caught.value.problems) == 6
    absent = f"absent = {[*caught.value.left_over]}\n"
    with pytest.raises(WordsError) as caught:
        parse_words(absent + words_text, other, "test")
    assert (caught.value.missing, caught.value.left_over) == (('locations."drum[/shelf]"', 'filesystems."drum"'), ())
    assert len(_problems(absent + words_text, facts)) == 4  # none of them is absent here


def test_absent_words_must_be_there(words_text: str, facts: Servers) -> None:
    (problem,) = _problems("absent = ['filesystems.\"drum\"']\n" + words_text, facts)
    assert problem == 'absent names filesystems."drum", which has facts, or no words'


def test_a_time_needs_its_unit(words_text: str, facts_data: dict[str, Any]) -> None:
    facts_data["filesystems"][0]["supported_properties"][0].update(name="x.filesystems.tape.poll.delay", type="LONG", default_value="8")
    words = words_text.replace("tape.speed", "tape.poll.delay").replace('"8K"', '"8"').replace("types.SIZE", "types.LONG")
    java = {"java": parse_facts(facts_data, "test")}
    words = words.replace('embedded = ["Tapes are rewound."]', "embedded = []")
    assert _problems(words, java) == ('properties."x.filesystems.tape.poll.delay".unit is missing: it is a time, told as a number',)
    parsed = parse_words(words.replace('does = "How fast."', 'does = "How fast."\nunit = "ms"'), java, "test")
    assert parsed.properties["x.filesystems.tape.poll.delay"].unit == "ms"


def test_servers_may_have_defaults_of_their_own(words_text: str, facts: Servers, embedded_data: dict[str, Any]) -> None:
    embedded_data["filesystems"][0]["supported_properties"][0]["default_value"] = "9K"
    facts = {**facts, "embedded": parse_facts(embedded_data, "test")}
    (problem,) = _problems(words_text, facts)
    assert "speaks of the default '8K', but embedded: has '9K'" in problem
    both = words_text.replace('default_value = "8K"', 'default_value = { embedded = "9K", java = "8K" }')
    assert parse_words(both, facts, "test").properties["x.filesystems.tape.speed"].default_value == {"embedded": "9K", "java": "8K"}
    (problem,) = _problems(both.replace('java = "8K" }', 'java = "7K" }'), facts)
    assert "speaks of the default '7K', but java: has '8K'" in problem


def test_every_problem_is_named_at_once(words_text: str, facts: Servers) -> None:
    problems = _problems(words_text.replace('title = "beads"', "").replace('does = "How fast."', ""), facts)
    assert problems == (
        'properties."x.filesystems.tape.speed".does is missing',
        "schedulers.abacus.title is missing",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, facts: Servers) -> None:
    path = tmp_path / "words.toml"
    with pytest.raises(WordsError, match="cannot be read"):
        load_words(path, facts)
    path.write_bytes(b"\xff")
    with pytest.raises(WordsError, match="not UTF-8"):
        load_words(path, facts)
    path.write_text("= nothing")
    with pytest.raises(WordsError, match="not TOML"):
        load_words(path, facts)
