"""What the adaptors declare is what ``protos/adaptors.json`` has, apart from words and what is ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyxenon_server.adaptors.base import Adaptor, FileSystem, Scheduler
from pyxenon_server.adaptors.catalogue import Catalogue

FACTS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parents[4] / "protos" / "adaptors.json").read_text(encoding="utf-8"))
CATALOGUES: dict[str, Catalogue[Any]] = {
    "filesystems": Catalogue("xenon.filesystems", FileSystem),  # type: ignore[type-abstract]
    "schedulers": Catalogue("xenon.schedulers", Scheduler),  # type: ignore[type-abstract]
}
ROWS = [
    pytest.param(kind, facts, id=f"{kind}-{facts['name']}")
    for kind, rows in FACTS.items()
    for facts in rows
    if facts["name"] in CATALOGUES[kind].names()
]
# Ours is able to do more: a copy within one host is done there.
MORE = {("sftp", "supports_third_party_copy")}


def test_the_adaptors_are_there() -> None:
    assert {"file", "sftp"} <= set(CATALOGUES["filesystems"].names())
    assert {"local", "ssh", "slurm"} <= set(CATALOGUES["schedulers"].names())


@pytest.mark.parametrize(("kind", "facts"), ROWS)
def test_an_adaptor_takes_and_can_what_the_facts_say(kind: str, facts: dict[str, Any]) -> None:
    adaptor: type[Adaptor] = CATALOGUES[kind].get(facts["name"])
    described = adaptor.describe()  # type: ignore[attr-defined]
    assert described.name == facts["name"] and described.description
    assert described.supported_credentials == facts["supported_credentials"]
    for flag, value in facts.items():
        if isinstance(value, bool) and (facts["name"], flag) not in MORE:
            assert getattr(described, flag) is value, flag
    ours = {item.name: item for item in described.supported_properties}
    assert len(ours) == len(described.supported_properties)
    for item in facts["supported_properties"]:
        found = ours.pop(item["name"])
        assert (found.default_value, found.type.name) == (item["default_value"], item["type"]), item["name"]
    for item in adaptor.properties:
        assert item.description.strip() and item.default is not None
    prefix = f"xenon.adaptors.{kind}."
    assert all(name.startswith(prefix) for name in ours), f"not named like the others: {sorted(ours)}"


@pytest.mark.parametrize(("kind", "facts"), ROWS)
def test_an_adaptor_understands_the_locations_that_the_facts_name(kind: str, facts: dict[str, Any]) -> None:
    described = CATALOGUES[kind].get(facts["name"]).describe()
    assert set(facts["supported_locations"]) <= set(described.supported_locations) | {"host[:port][/workdir]"}
