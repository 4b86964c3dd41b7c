"""Words are fitted to another interface, and written so that reading gives them back, in one order whatever the order was."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_codegen import toml_text
from pyxenon_codegen.adaptor_words import adaptor_words_text
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.words_file import WordsFile, fit_words, name_of, places, read_words_file, words_text

PROTO = """
syntax = "proto3";
package xenon;
message Disk { string id = 1; }
message PutRequest { Disk disk = 1; oneof what { string text = 2; bytes data = 3; } enum Level { LOW = 0; } }
enum Kind { SOLID = 0; }
service DiskService { rpc create(PutRequest) returns (Disk) {} %s }
"""
texts = st.text(st.characters(blacklist_categories=["Cs"]).filter(lambda character: character != "\r"), max_size=120)
keys = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=10)


@given(st.dictionaries(keys, texts | st.lists(texts, max_size=3) | st.booleans(), max_size=4), keys)
def test_toml_reads_as_it_was_written(table: dict[str, object], name: str) -> None:
    text = "\n".join([toml_text.header([name, "x"]), *toml_text.entries(table)])  # type: ignore[arg-type]  # of values that it takes
    assert tomllib.loads(text) == {name: {"x": table}}


@given(
    st.recursive(texts, lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3), max_leaves=8).filter(
        lambda one: isinstance(one, dict)
    )
)
def test_tables_in_tables_read_as_they_were_written(tables: dict[str, object]) -> None:
    assert tomllib.loads(adaptor_words_text(WordsFile("# A comment.\n", tables))) == tables


@pytest.fixture
def proto(tmp_path: Path) -> Path:
    path = tmp_path / "xenon.proto"
    path.write_text(PROTO % "", encoding="utf-8")
    return path


def test_everything_has_a_place(proto: Path) -> None:
    assert [name_of(place) for place in places(compile_proto(proto))] == [
        *("DiskService", "DiskService.create", "Disk", "Disk.id", "PutRequest", "PutRequest.disk", "PutRequest.text", "PutRequest.data"),
        *("PutRequest.what", "PutRequest.Level", "PutRequest.Level.LOW", "Kind", "Kind.SOLID"),
    ]


def test_what_is_missing_is_named_and_what_is_given_is_taken(proto: Path) -> None:
    old = WordsFile("# Words.\n", {"messages": {"Disk": {"doc": "A disk.", "fields": {"id": "Which.", "gone": "Gone."}}}})
    more = WordsFile("", {"messages": {"Disk": {"fields": {"id": "Its name."}}, "Stranger": {"doc": "About nothing."}}})
    fitted = fit_words(old, more, compile_proto(proto))
    assert fitted.lost == ("Disk.gone",)
    assert fitted.file.tables["messages"]["Disk"] == {"doc": "A disk.", "fields": {"id": "Its name."}}
    assert "Stranger" not in fitted.file.tables["messages"]
    names = [name_of(place) for place in fitted.missing]
    assert "Disk.id" not in names and {"DiskService.create", "Kind.SOLID", "PutRequest.what"} <= set(names)


def test_a_thing_that_is_gone_must_be_acknowledged_once_and_is_forgotten_when_it_is_back(proto: Path) -> None:
    with_more = proto.with_name("more.proto")
    with_more.write_text(PROTO % "rpc look(Disk) returns (Disk) {}", encoding="utf-8")
    words = WordsFile("", {"services": {"DiskService": {"doc": "x", "rpcs": {"look": {"doc": "x", "returns": "", "raises": []}}}}})
    nothing = WordsFile("", {})
    assert fit_words(words, nothing, compile_proto(proto)).lost == ("DiskService.look",)
    said = fit_words(words, WordsFile("", {"removed": {"DiskService.look": "Use create."}}), compile_proto(proto))
    assert said.lost == () and said.file.tables["removed"] == {"DiskService.look": "Use create."}
    later = fit_words(said.file, nothing, compile_proto(proto))
    assert later.lost == () and later.file.tables["removed"] == {"DiskService.look": "Use create."}
    assert fit_words(later.file, nothing, compile_proto(with_more)).file.tables["removed"] == {}


def test_the_order_is_that_of_the_interface_whatever_it_was(repository: Path, tmp_path: Path) -> None:
    file = compile_proto(repository / "protos/xenon.proto")
    words = read_words_file(repository / "protos/words.toml")
    turned = WordsFile(words.comment, _reversed(words.tables))
    assert list(turned.tables) != list(words.tables)
    assert words_text(turned, file) == words_text(words, file) == (repository / "protos/words.toml").read_text(encoding="utf-8")


def _reversed(table: object) -> dict[str, object]:
    assert isinstance(table, dict)
    return {key: _reversed(value) if isinstance(value, dict) else value for key, value in reversed(table.items())}


def test_a_comment_that_would_be_lost_is_refused(tree: Path) -> None:
    from pyxenon_codegen.generate import generate

    words = tree / "protos/words.toml"
    words.write_text(words.read_text(encoding="utf-8").replace("[messages.Empty]", "# A thought.\n[messages.Empty]"), encoding="utf-8")
    with pytest.raises(CodegenError, match=r"protos/words.toml, line \d+: a comment here would be lost"):
        generate(tree)
