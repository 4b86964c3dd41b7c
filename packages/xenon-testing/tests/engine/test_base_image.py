"""The base image from debootstrap: where packages come from, and why it cannot be made. CI makes the real ones that all tests stand on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pyxenon_testing.engine import base_image
from pyxenon_testing.engine.base_image import make_base_image, mirrors
from pyxenon_testing.errors import BaseImageError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "# deb http://old.example/debian bookworm main\ndeb http://mirror.example/debian bookworm main\n"),
        ("sources.list", "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main\n"),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"),
        ("sources.list.d/security.sources", "URIs: http://mirror.example/debian-security\n\nURIs: http://mirror.example/debian/\n"),
    ],
)
def test_the_mirror_is_this_machines_own(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert [address.rstrip("/") for address in mirrors(tmp_path)] == ["http://mirror.example/debian"]


def test_a_machine_that_is_no_debian_has_no_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "other.list").write_text("deb http://mirror.example/ubuntu noble main\n")
    (tmp_path / "sources.list.d" / "off.list.disabled").write_text("deb http://mirror.example/debian bookworm main\n")
    assert list(mirrors(tmp_path)) == []


@pytest.mark.parametrize("suite", ["", "../etc", "book worm", "--help"])
def test_a_suite_is_a_word(suite: str) -> None:
    with pytest.raises(BaseImageError, match="a suite is one word"):
        make_base_image(suite)


def test_without_debootstrap_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BaseImageError, match="apt-get install debootstrap"):
        make_base_image("bookworm")


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/sbin/debootstrap")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BaseImageError, match="debootstrap needs root"):
        make_base_image("bookworm")


def test_a_suite_that_there_is_not_fails_with_debootstraps_words(monkeypatch: pytest.MonkeyPatch, xenon_container: object) -> None:
    monkeypatch.setattr(base_image, "mirrors", lambda apt: iter(["file:///nonexistent/debian"]))
    told: list[str] = []
    with pytest.raises(BaseImageError, match=r"(?s)cannot make a base image for bookworm: debootstrap .* ended with 1:\n.*Failed"):
        make_base_image("bookworm", progress=told.append)
    assert told == ["installing Debian bookworm"]
