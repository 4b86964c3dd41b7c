"""All kinds of server, up at once."""

from __future__ import annotations

from typing import Any

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.fixtures.containers import KIND_FIXTURES
from pyxenon_testing.servers.kinds import KINDS

MOST_MEMORY = 2_000_000_000


def test_each_kind_has_a_fixture() -> None:
    assert {name.replace("_", "-") for name in KIND_FIXTURES} == set(KINDS)


def test_they_stay_within_two_gigabytes(xenon_container: Any) -> None:
    used = {}
    for name in KINDS:
        container = connect_engine().containers.get(xenon_container(name).container.id)
        used[name] = container.stats(stream=False)["memory_stats"]["usage"]
    assert len(used) == len(KINDS)
    assert all(used.values())
    assert sum(used.values()) < MOST_MEMORY, used
