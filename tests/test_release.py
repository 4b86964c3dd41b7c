"""What ``make release`` builds: the same bytes each time, complete, with one version. Whether it runs is tried by the command itself."""

from __future__ import annotations

import os
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from release.build import PACKAGES, ROOT, build_all

import pyxenon_core

VERSIONS = ["3.11", "3.12", "3.13", "3.14"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build_all(tmp_path_factory.mktemp("first") / "dist")


@pytest.fixture(scope="module")
def wheels(built: list[Path]) -> list[Path]:
    return [path for path in built if path.suffix == ".whl"]


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_each_package_has_a_source_distribution_and_a_wheel(built: list[Path]) -> None:
    assert len(built) == 2 * len(PACKAGES)
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("packages/*/pyproject.toml")}
    assert folders < set(PACKAGES)


def test_two_builds_are_alike(built: list[Path], tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = build_all(tmp_path / "dist")
    finally:
        os.umask(before)
    assert [path.name for path in again] == [path.name for path in built]
    assert [path.name for path, other in zip(built, again, strict=True) if path.read_bytes() != other.read_bytes()] == []


def test_the_metadata_are_complete(wheels: list[Path]) -> None:
    for wheel in wheels:
        found = metadata(wheel)
        assert found["License-Expression"] == "Apache-2.0"
        assert found["License-File"] == "LICENSE"
        assert found["Requires-Python"] == ">=3.11"
        assert all(found[name] for name in ("Summary", "Author", "Keywords", "Project-URL", "Description-Content-Type"))
        assert len(str(found.get_payload()).splitlines()) > 5
        assert {f"Programming Language :: Python :: {version}" for version in VERSIONS} < set(found.get_all("Classifier", []))


def test_there_is_one_version(wheels: list[Path]) -> None:
    for wheel in wheels:
        found = metadata(wheel)
        assert found["Version"] == pyxenon_core.__version__
        ours = [text.split(";")[0] for text in found.get_all("Requires-Dist", []) if text.startswith("pyxenon")]
        assert all(text.endswith(f"=={pyxenon_core.__version__}") for text in ours)
        assert ours or found["Name"] == "pyxenon-core"


def test_the_license_is_in_each(built: list[Path]) -> None:
    text = (ROOT / "LICENSE").read_bytes()
    for path in built:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                assert [wheel.read(name) for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")] == [text]
        else:
            with tarfile.open(path) as source:
                member = source.extractfile(f"{path.name.removesuffix('.tar.gz')}/LICENSE")
                assert member is not None
                assert member.read() == text


def test_a_source_distribution_has_files_alone(built: list[Path]) -> None:
    for path in built:
        if path.suffix == ".gz":
            with tarfile.open(path) as source:
                assert [member.name for member in source if not member.isfile()] == []
