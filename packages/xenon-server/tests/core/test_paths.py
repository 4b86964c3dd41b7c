"""Paths made absolute: what POSIX says of them, and nothing more."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: PTH117
from __future__ import annotations

import os
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.errors import IllegalArgumentException
from pyxenon_core.messages import Path
from pyxenon_server.filesystems.common.paths import absolute, checked, join, name_of, parent_of

pieces = st.lists(st.sampled_from(["/", "//", ".", "..", "a", "b", " ", "...", ".a", "a.", "é", "\n", "-"]), max_size=10).map("".join)
names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(pieces, pieces)
def test_an_absolute_path_is_where_posix_has_it(path: str, directory: str) -> None:
    """Without ``..``, which links may make something else of, all that is left to do is what normpath does."""
    found = absolute(path, f"/{directory}")
    wanted = [part for part in f"/{directory}/{path}".split("/") if part not in ("", ".")]
    if path.startswith("/"):
        wanted = [part for part in path.split("/") if part not in ("", ".")]
    assert found == "/" + "/".join(wanted)
    if ".." not in wanted:
        assert found == "/" + posixpath.normpath(posixpath.join(f"/{directory}", path)).lstrip("/")


@given(pieces)
def test_making_absolute_twice_changes_nothing(path: str) -> None:
    once = absolute(path, "/home/me")
    assert absolute(once, "/elsewhere") == once
    assert os.path.isabs(once) and "//" not in once and not once.endswith("/.") and (once == "/" or not once.endswith("/"))


def test_dots_before_a_parent_are_left() -> None:
    assert absolute("link/../x", "/a") == "/a/link/../x"
    assert absolute("..", "/a") == "/a/.."
    assert absolute("/..", "/a") == "/.."


@given(pieces.map(lambda path: absolute(path, "/")), names)
def test_a_name_in_a_directory_can_be_taken_off_again(directory: str, name: str) -> None:
    path = join(directory, name)
    assert parent_of(path) == directory
    assert name_of(path) == name
    assert absolute(path, "/x") == path


def test_the_root_is_in_itself() -> None:
    assert (parent_of("/"), name_of("/"), join("/", "a")) == ("/", "", "/a")


def test_what_no_file_system_can_have() -> None:
    with pytest.raises(IllegalArgumentException, match="does not name a source"):
        checked(None, "source")
    with pytest.raises(IllegalArgumentException, match="null character"):
        checked(Path("a\0b"), "path")
    assert checked(Path(""), "path") == ""
