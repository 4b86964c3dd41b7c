"""What betterproto2's compiler makes of the messages, and what is mended in it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pyxenon_codegen.descriptors import compile_proto, require_same
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.messages import compile_messages, mend_messages
from pyxenon_codegen.model import Interface

Model = Callable[..., Interface]
Refused = Callable[[str], pytest.RaisesExc[CodegenError]]
HEAD = 'syntax = "proto3"; package xenon; '


def _mended(model: Model, tmp_path: Path, body: str, constructors: dict[str, str] | None = None) -> str:
    interface = model(HEAD + body)
    return mend_messages(compile_messages(tmp_path / "xenon.proto", "xenon"), interface, constructors or {})


def _classes(source: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def test_a_message_gets_our_base_class(model: Model, tmp_path: Path) -> None:
    classes = _classes(_mended(model, tmp_path, "message Disk { string id = 1; } message Plan { string text = 1; } message Empty {}"))
    assert {name: [ast.unparse(base) for base in node.bases] for name, node in classes.items()} == {
        "Disk": ["Identity"],
        "Plan": ["Message"],
        "Empty": ["Message"],
    }


def test_nested_enumerations_keep_their_names_inside_the_message(model: Model, tmp_path: Path) -> None:
    source = _mended(model, tmp_path, "message Move { enum Mode { KEEP = 0; REPLACE = 1; } Mode mode = 1; }")
    assigned = [ast.unparse(line) for line in _classes(source)["Move"].body if isinstance(line, ast.Assign)]
    assert assigned == ["Mode = MoveMode", "KEEP = MoveMode.KEEP", "REPLACE = MoveMode.REPLACE"]


def test_a_constructor_takes_the_place_of_the_one_that_is_made(model: Model, tmp_path: Path) -> None:
    source = _mended(model, tmp_path, "message Plan { string text = 1; }", {"Plan": "    def __init__(self) -> None:\n        pass\n"})
    plan = _classes(source)["Plan"]
    assert ast.unparse(plan.decorator_list[0]) == "dataclass(eq=False, repr=False, init=False)"
    assert [line.name for line in plan.body if isinstance(line, ast.FunctionDef)] == ["__init__"]


def test_the_check_of_the_version_is_left_to_the_requirements(model: Model, tmp_path: Path) -> None:
    assert "check_compiler_version" not in _mended(model, tmp_path, "message Plan {}")
    needed = {requirement.name: requirement.specifier for requirement in map(Requirement, metadata.requires("pyxenon-core") or ())}
    assert metadata.version("betterproto2-compiler") in needed["betterproto2"]


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        ("enum Color { COLOR_RED = 0; COLOR_BLUE = 1; }", r"Color\.COLOR_RED, Color\.COLOR_BLUE"),
        ("enum Level { None = 0; }", r"Level\.None"),
        ("message HTTPRequest { string a = 1; }", "HTTPRequest"),
        ("message lower_case { string a = 1; }", "lower_case"),
    ],
)
def test_what_the_compiler_names_otherwise_is_refused(model: Model, tmp_path: Path, raises_codegen: Refused, body: str, lost: str) -> None:
    with raises_codegen(rf"^betterproto2's compiler gives other names to {lost}; "):
        _mended(model, tmp_path, body)


@pytest.mark.parametrize(
    ("fact", "shows"),
    [
        ("message A { reserved 7; string a = 1; }", "reserved_range"),
        ('message A { reserved "b"; string a = 1; }', "reserved_name"),
        ("message A { string a = 1 [deprecated = true]; }", "deprecated: true"),
        ("message A { repeated uint32 a = 1 [packed = false]; }", "packed: false"),
        ('message A { string a = 1 [json_name = "x"]; }', 'json_name: "x"'),
        ("enum A { option allow_alias = true; B = 0; C = 0; }", "allow_alias: true"),
        ("option java_multiple_files = true; message A {}", "java_multiple_files: true"),
    ],
)
def test_a_fact_that_would_not_be_written_is_noticed(tmp_path: Path, raises_codegen: Refused, fact: str, shows: str) -> None:
    path = tmp_path / "xenon.proto"
    path.write_text(HEAD + fact, encoding="utf-8")
    read = compile_proto(path)
    plain = {"reserved 7; ": "", 'reserved "b"; ': "", " [deprecated = true]": "", " [packed = false]": "", ' [json_name = "x"]': ""}
    plain |= {"option allow_alias = true; B = 0; C = 0;": "B = 0; C = 1;", "option java_multiple_files = true; ": ""}
    for text, without in plain.items():
        fact = fact.replace(text, without)
    path.write_text(HEAD + fact, encoding="utf-8")
    with raises_codegen(rf"(?s)does not write; teach it there:\n--- as read\n\+\+\+ as it would be written\n.*\n-\s+{shows}"):
        require_same(read, compile_proto(path))


def test_empty_options_and_comments_are_no_facts(tmp_path: Path) -> None:
    path = tmp_path / "xenon.proto"
    path.write_text(HEAD + "message A {} service S { rpc a(A) returns (A) {} }", encoding="utf-8")
    read = compile_proto(path)
    path.write_text(HEAD + "// Words.\nmessage A {} service S { rpc a(A) returns (A); }", encoding="utf-8")
    require_same(read, compile_proto(path))
