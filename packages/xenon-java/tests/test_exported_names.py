"""What the package offers."""

from __future__ import annotations

import pyxenon_java


def test_every_name_is_there_and_documented() -> None:
    assert len(set(pyxenon_java.__all__)) == len(pyxenon_java.__all__)
    for name in pyxenon_java.__all__:
        value = getattr(pyxenon_java, name)
        assert value.__doc__


def test_the_pin_is_what_the_interface_was_taken_from() -> None:
    assert pyxenon_java.PINNED.requirement.startswith("pyxenon==3.0.3 --hash=sha256:6840771716974da6")
    assert pyxenon_java.PINNED.member.endswith(pyxenon_java.PINNED.jar)
