"""What the package offers."""

from __future__ import annotations

import xenon_java


def test_every_name_is_there_and_documented() -> None:
    assert len(set(xenon_java.__all__)) == len(xenon_java.__all__)
    for name in xenon_java.__all__:
        value = getattr(xenon_java, name)
        assert value.__doc__


def test_the_pin_is_what_the_interface_was_taken_from() -> None:
    assert xenon_java.PINNED.requirement.startswith("pyxenon==3.0.3 --hash=sha256:6840771716974da6")
    assert xenon_java.PINNED.member.endswith(xenon_java.PINNED.jar)
