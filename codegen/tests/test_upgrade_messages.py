"""The messages of ``xenon-codegen upgrade`` when nothing can be upgraded. No server is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from pyxenon_codegen import upgrade
from pyxenon_codegen.cli import REPORT, main
from pyxenon_codegen.releases import ReleaseFacts, facts_of_tree

Capture = pytest.CaptureFixture[str]


def test_a_proto_is_refused_with_what_to_name_instead(tree: Path, capsys: Capture) -> None:
    proto = tree / "protos" / "xenon.proto"
    assert main(["--root", str(tree), "upgrade", str(proto)]) == 1
    error = capsys.readouterr().err
    assert f"a .proto file describes only the interface, and {proto} has no adaptors" in error
    assert "name the release by its version (2.2.1, 2.3.0, 3.0.0, 3.0.1), the path of its jar, or the target of a running server" in error


def test_a_file_that_is_not_a_jar_is_refused(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "xenon-grpc.jar"
    file.write_text("not a zip file", encoding="utf-8")
    assert main(["--root", str(tree), "upgrade", str(file)]) == 1
    assert f"{file} is not a jar; name the release by its version" in capsys.readouterr().err


def test_the_pinned_release_is_nothing_to_do(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(upgrade, "facts_of", lambda source, root: facts_of_tree(root))
    assert main(["--root", str(tree), "upgrade", "3.0.1"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "# xenon-grpc 3.0.1 to xenon-grpc 3.0.1\n\nNothing is different.\n"
    assert "nothing to do: this repository is already at xenon-grpc 3.0.1, and its interface, adaptors and jar are the same" in printed.err
    assert not (tree / REPORT).exists()


def test_a_server_of_the_pinned_release_is_nothing_to_do(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def of_server(source: str, root: Path) -> ReleaseFacts:
        return evolve(facts_of_tree(root), name=source, pin=None)

    monkeypatch.setattr(upgrade, "facts_of", of_server)
    assert main(["--root", str(tree), "upgrade", "grpcs://host:1"]) == 0
    assert "nothing to do: grpcs://host:1 has the interface and the adaptors of xenon-grpc 3.0.1" in capsys.readouterr().err
