"""Paths: real ones, of another machine."""

from __future__ import annotations

import os
import pathlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.paths import Path, path_text


def test_it_is_a_pure_posix_path_and_stays_one() -> None:
    path = Path("/data") / "run" / "out.txt"
    assert isinstance(path, pathlib.PurePosixPath)
    for derived in (path, path.parent, path.with_suffix(".log"), path.relative_to("/data"), path.joinpath("x"), *path.parents):
        assert type(derived) is Path
    assert path == Path("/data/run/out.txt") and str(path) == os.fspath(path) == "/data/run/out.txt"
    assert pickle.loads(pickle.dumps(path)) == path


@pytest.mark.parametrize(("text", "hidden"), [("/a/.profile", True), (".x", True), ("/a/b", False), ("/.a/b", False), ("/", False)])
def test_hidden_is_what_begins_with_a_dot(text: str, hidden: bool) -> None:
    assert Path(text).is_hidden() is hidden


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_passed_on_as_it_is(text: str) -> None:
    assert path_text(text) == text


def test_a_path_of_another_system_keeps_its_parts() -> None:
    assert path_text(pathlib.PureWindowsPath("a\\b")) == "a/b"


@pytest.mark.parametrize("value", [3, None, b"/bytes", ["/a"]])
def test_what_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a path must be"):
        path_text(value)  # type: ignore[arg-type]  # the mistake under test


def test_a_path_that_the_interface_cannot_carry_is_named() -> None:
    with pytest.raises(ValueError, match="cannot be encoded in UTF-8"):
        path_text("caf\udce9")
