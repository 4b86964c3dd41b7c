"""Facts are read strictly: what does not have the known shape is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyxenon_adaptor_docs.errors import FactsError
from pyxenon_adaptor_docs.facts import PropertyFacts, load_facts, parse_facts


def test_facts_keep_the_order_of_flags_and_sort_the_adaptors(facts_data: dict[str, Any]) -> None:
    data = facts_data
    data["filesystems"].append({**data["filesystems"][0], "name": "disk"})
    parsed = parse_facts(data, "test")
    assert [adaptor.name for adaptor in parsed.filesystems] == ["disk", "tape"]
    assert dict(parsed.filesystems[1].flags) == {"can_append": True, "supports_rename": False}
    assert parsed.filesystems[1].properties == (PropertyFacts("x.filesystems.tape.speed", "SIZE", "8K"),)
    assert parsed.of("schedulers")[0].name == "abacus"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data.pop("schedulers"), "the whole lacks ['schedulers']"),
        (lambda data: data.update(robots=[]), "the whole has ['robots']"),
        (lambda data: data.update(filesystems={}), "filesystems is not a list"),
        (lambda data: data["filesystems"].append("tape"), "an adaptor of filesystems is not a table"),
        (lambda data: data["filesystems"][0].pop("supported_locations"), "lacks ['supported_locations']"),
        (lambda data: data["filesystems"][0].update(name=" "), "the name of an adaptor of filesystems"),
        (lambda data: data["filesystems"][0].update(max_size=5), "filesystems.tape has ['max_size']"),
        (lambda data: data["filesystems"][0].update(supported_credentials=[1]), "filesystems.tape.supported_credentials is not text"),
        (lambda data: data["filesystems"].append(data["filesystems"][0]), "filesystems names ['tape'] more than once"),
        (lambda data: data["filesystems"][0]["supported_properties"][0].update(default_value=8), "x.filesystems.tape.speed is not text"),
        (lambda data: data["filesystems"][0]["supported_properties"][0].update(description="…"), "has ['description']"),
        (lambda data: data["filesystems"].append({**data["filesystems"][0], "name": "a", "new": True}), "flags of filesystems.a are not"),
    ],
)
def test_what_does_not_fit_is_named(spoil: Callable[[dict[str, Any]], object], said: str, facts_data: dict[str, Any]) -> None:
    spoil(facts_data)
    with pytest.raises(FactsError) as caught:
        parse_facts(facts_data, "some/file.json")
    assert said in str(caught.value)
    assert "some/file.json" in str(caught.value)


def test_a_file_that_is_missing_or_no_json_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "adaptors.json"
    with pytest.raises(FactsError, match="adaptor-docs collect"):
        load_facts(path)
    path.write_bytes(b"\xff{")
    with pytest.raises(FactsError, match="not JSON in UTF-8"):
        load_facts(path)
