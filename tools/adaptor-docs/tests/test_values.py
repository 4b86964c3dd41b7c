"""Defaults as a person reads them."""

from __future__ import annotations

import pytest

from pyxenon_adaptor_docs.facts import PropertyFacts
from pyxenon_adaptor_docs.values import needs_unit, shown_default


@pytest.mark.parametrize(
    ("kind", "value", "unit", "shown"),
    [
        ("SIZE", "64K", "", "64 KiB"),
        ("SIZE", "65536", "", "64 KiB"),
        ("SIZE", "1024K", "", "1 MiB"),
        ("SIZE", "3g", "", "3 GiB"),
        ("SIZE", "2048G", "", "2048 GiB"),
        ("SIZE", "1000", "", "1000 bytes"),
        ("SIZE", "0", "", "0 bytes"),
        ("SIZE", "64KB", "", "``64KB``"),
        ("LONG", "1000", "ms", "1000 ms"),
        ("INTEGER", "-1", "ms", "\\-1 ms"),
        ("LONG", "1000", "", "``1000``"),
        ("LONG", "never", "ms", "``never``"),
        ("STRING", "", "", "*(empty)*"),
        ("BOOLEAN", "true", "", "``true``"),
    ],
)
def test_a_default_is_shown(kind: str, value: str, unit: str, shown: str) -> None:
    assert shown_default(PropertyFacts("a.b", kind, value), unit) == shown.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("name", "kind", "needed"),
    [
        ("a.poll.delay", "LONG", True),
        ("a.queue.pollingDelay", "LONG", True),
        ("a.connection.timeout", "NATURAL", True),
        ("a.grace.time", "INTEGER", True),
        ("a.timeout", "BOOLEAN", False),
        ("a.bufferSize", "SIZE", False),
        ("a.maxConcurrentJobs", "INTEGER", False),
    ],
)
def test_what_is_a_time_needs_a_unit(name: str, kind: str, needed: bool) -> None:
    assert needs_unit(PropertyFacts(name, kind, "1")) is needed
