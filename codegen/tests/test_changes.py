"""What differs between two interfaces, on the wire and in Python terms, and which version number follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from pyxenon_codegen.adaptor_changes import adaptor_changes
from pyxenon_codegen.changes import Change, Level, What, level_of, next_version
from pyxenon_codegen.compatibility import python_changes
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.wire_changes import wire_changes

PROTO = """
syntax = "proto3";
package xenon;
message Empty {{}}
message Disk {{ string id = 1; }}
message CreateDiskRequest {{ string adaptor = 1; }}
message Note {{ string text = 1; uint32 size = 2; {note} }}
message PutRequest {{ {put} }}
enum Level {{ {level} }}
message Answer {{ {answer} }}
{more}
service DiskService {{
    rpc create(CreateDiskRequest) returns (Disk) {{}}
    rpc put(PutRequest) returns ({returns}) {{}}
    {rpcs}
}}
"""
USUAL = {
    "note": "",
    "put": "Disk disk = 1; Note note = 2; string name = 3; bool force = 4; Level level = 5;",
    "level": "LOW = 0; HIGH = 1;",
    "answer": "uint64 count = 1;",
    "more": "",
    "returns": "Answer",
    "rpcs": "",
}
Differ = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def interface(tmp_path: Path) -> Callable[..., FileDescriptorProto]:
    """The interface above, with parts of it replaced."""

    def build(**parts: str) -> FileDescriptorProto:
        path = tmp_path / "xenon.proto"
        path.write_text(PROTO.format(**{**USUAL, **parts}), encoding="utf-8")
        return compile_proto(path)

    return build


@pytest.fixture
def on_the_wire(interface: Callable[..., FileDescriptorProto]) -> Differ:
    return lambda **parts: _short(wire_changes(interface(), interface(**parts)))


@pytest.fixture
def in_python(interface: Callable[..., FileDescriptorProto]) -> Differ:
    return lambda **parts: [
        (*short, "breaks" if change.breaks else "") for change, short in _pairs(python_changes(interface(), interface(**parts)))
    ]


def _pairs(changes: Sequence[Change]) -> list[tuple[Change, tuple[str, str, str]]]:
    return list(zip(changes, _short(changes), strict=True))


def _short(changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    return [(f"{change.kind} {change.what.value}", change.name, change.detail) for change in changes]


def test_nothing_differs_from_itself(on_the_wire: Differ, in_python: Differ) -> None:
    assert on_the_wire() == in_python() == []


PUT = USUAL["put"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"note": "string author = 3;"}, [("field added", "Note.author", "string = 3")]),
        ({"put": PUT.replace("bool force = 4; ", "")}, [("field removed", "PutRequest.force", "was bool = 4")]),
        ({"put": PUT.replace("force", "hard")}, [("field renamed", "PutRequest.force", "now PutRequest.hard")]),
        (
            {"put": PUT.replace("bool force = 4", "bool force = 6")},
            [("field changed", "PutRequest.force", "was bool = 4, is bool = 6")],
        ),
        ({"put": PUT.replace("bool force", "int32 force")}, [("field changed", "PutRequest.force", "was bool = 4, is int32 = 4")]),
        (
            {"put": PUT.replace("string name", "repeated string name")},
            [("field changed", "PutRequest.name", "was string = 3, is repeated string = 3")],
        ),
        (
            {"put": PUT.replace("string name", "optional string name")},
            [("field changed", "PutRequest.name", "was string = 3, is optional string = 3")],
        ),
        ({"note": "map<string, string> labels = 3;"}, [("field added", "Note.labels", "map<string, string> = 3")]),
        ({"note": "oneof one { bool a = 3; }"}, [("field added", "Note.a", "bool = 3 in oneof one")]),
        ({"level": "LOW = 0; HIGH = 1; TOP = 2;"}, [("enum value added", "Level.TOP", "2")]),
        ({"level": "LOW = 0;"}, [("enum value removed", "Level.HIGH", "was 1")]),
        ({"level": "LOW = 0; TOP = 1;"}, [("enum value renamed", "Level.HIGH", "now Level.TOP")]),
        ({"level": "LOW = 0; HIGH = 2;"}, [("enum value changed", "Level.HIGH", "was 1, is 2")]),
        ({"rpcs": "rpc get(Disk) returns (stream Answer) {}"}, [("RPC added", "DiskService.get", "(Disk) returns (stream Answer)")]),
        ({"returns": "Empty"}, [("RPC changed", "DiskService.put", "was (PutRequest) returns (Answer), is (PutRequest) returns (Empty)")]),
        ({"more": "message More { string a = 1; }"}, [("message added", "More", "")]),
    ],
)
def test_what_differs_on_the_wire(on_the_wire: Differ, parts: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    assert on_the_wire(**parts) == expected


def test_a_message_and_an_rpc_that_got_another_name(interface: Callable[..., FileDescriptorProto]) -> None:
    before = interface(more="message Old { string a = 1; bytes b = 2; }", rpcs="rpc peek(Disk) returns (Note) {}")
    after = interface(more="message New { string a = 1; bytes b = 2; }", rpcs="rpc look(Disk) returns (Note) {}")
    assert _short(wire_changes(before, after)) == [
        ("RPC renamed", "DiskService.peek", "now DiskService.look"),
        ("message renamed", "Old", "now New"),
    ]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"note": "string author = 3;"}, [("attribute added", "Note.author", "str", "")]),
        ({"put": PUT.replace("bool force = 4; ", "")}, [("parameter removed", "Disk.put(force=)", "", "breaks")]),
        ({"put": PUT.replace("force", "hard")}, [("parameter renamed", "Disk.put(force=)", "now hard", "breaks")]),
        ({"put": PUT + " bool quick = 6;"}, [("parameter added", "Disk.put(quick=)", "False when left out", "")]),
        (
            {"put": PUT + " string why = 6;"},
            [
                ("parameter added", "Disk.put(why=)", "", "breaks"),
                ("method changed", "Disk.put", "the order was note, name, force, level; it is note, name, why, force, level", "breaks"),
            ],
        ),
        (
            {"put": PUT.replace("bool force", "int64 force")},
            [
                ("parameter changed", "Disk.put(force=)", "took bool, takes int", "breaks"),
                ("parameter changed", "Disk.put(force=)", "0 when left out, was False", ""),
            ],
        ),
        (
            {"put": PUT.replace("bool force", "optional bool force")},
            [
                ("parameter changed", "Disk.put(force=)", "took bool, takes bool | None", ""),
                ("parameter changed", "Disk.put(force=)", "None when left out, was False", ""),
            ],
        ),
        ({"answer": "string text = 1;"}, [("method changed", "Disk.put", "returned int, returns str", "breaks")]),
        ({"returns": "Empty"}, [("method changed", "Disk.put", "returned int, returns None", "breaks")]),
        ({"rpcs": "rpc get(Disk) returns (stream Answer) {}"}, [("method added", "Disk.get()", "returns Iterator[int]", "")]),
        (
            {"put": PUT.replace("Disk disk = 1; ", "")},
            [
                ("method changed", "Disk.put", "now called on the class", "breaks"),
            ],
        ),
        ({"level": "LOW = 0; TOP = 1;"}, [("member renamed", "Level.HIGH", "now TOP", "breaks")]),
        ({"level": "LOW = 0; HIGH = 2;"}, [("member changed", "Level.HIGH", "is 2, was 1", "breaks")]),
        ({"level": "LOW = 0; HIGH = 1; TOP = 2;"}, [("member added", "Level.TOP", "", "")]),
    ],
)
def test_what_programs_notice(in_python: Differ, parts: dict[str, str], expected: list[tuple[str, str, str, str]]) -> None:
    assert in_python(**parts) == expected


def test_attributes_of_what_is_described_and_of_what_is_answered(interface: Callable[..., FileDescriptorProto]) -> None:
    more = "message Status { %s } message StatusAnswer { Status status = 1; bool fresh = 2; }"
    rpcs = "rpc status(Disk) returns (StatusAnswer) {}"
    before = interface(note="bytes key = 3;", more=more % "string state = 1; bool gone = 2;", rpcs=rpcs)
    after = interface(more=more % "uint32 state = 1; bool vanished = 2;", rpcs=rpcs)
    effects = {change.name: (change.what, change.effect) for change in python_changes(before, after)}
    assert effects["Note.key"] == (What.REMOVED, "setting it, as in `Note(key=…)`, and reading it raise AttributeError")
    assert effects["Status.gone"] == (What.RENAMED, "reading it raises AttributeError")
    assert effects["Status.state"] == (What.CHANGED, "a client or server of the other release does not understand it")
    assert all(change.breaks for change in python_changes(before, after))


FACTS = {
    "name": "sftp",
    "supported_locations": ["host"],
    "supported_credentials": ["PasswordCredential"],
    "can_append": True,
    "supported_properties": [{"name": "p.size", "type": "SIZE", "default_value": "64K"}],
}


def _adaptors(**parts: object) -> str:
    return json.dumps({"filesystems": [{**FACTS, **parts}], "schedulers": []})


@pytest.mark.parametrize(
    ("parts", "expected", "breaks"),
    [
        ({"name": "scp"}, [("adaptor removed", "FileSystem sftp", ""), ("adaptor added", "FileSystem scp", "host")], True),
        ({"supported_locations": ["host", "host:port"]}, [("location added", "FileSystem sftp: host:port", "")], False),
        ({"supported_credentials": []}, [("credential removed", "FileSystem sftp: PasswordCredential", "")], True),
        ({"can_append": False}, [("flag changed", "FileSystem sftp: can_append", "was true, is false")], True),
        ({"can_fly": False}, [("flag changed", "FileSystem sftp: can_fly", "was not there, is false")], False),
        ({"supported_properties": []}, [("property removed", "FileSystem sftp: p.size", "")], True),
        (
            {"supported_properties": [{"name": "p.size", "type": "LONG", "default_value": ""}]},
            [
                ("property changed", "FileSystem sftp: p.size", "was SIZE, is LONG"),
                ("property changed", "FileSystem sftp: p.size", "'' by default, was '64K'"),
            ],
            True,
        ),
        (
            {"supported_properties": [*FACTS["supported_properties"], {"name": "p.new", "type": "STRING", "default_value": ""}]},
            [("property added", "FileSystem sftp: p.new", "STRING, (empty) by default")],
            False,
        ),
    ],
)
def test_what_differs_in_the_adaptors(parts: dict[str, object], expected: list[tuple[str, str, str]], breaks: bool) -> None:
    changes = adaptor_changes(_adaptors(), _adaptors(**parts))
    assert _short(changes) == expected
    assert any(change.breaks for change in changes) == breaks


def test_the_level_is_that_of_the_gravest_change() -> None:
    added, changed, broken = (
        Change(What.ADDED, "method", "a"),
        Change(What.CHANGED, "property", "b"),
        Change(What.ADDED, "c", "c", breaks=True),
    )
    assert [level_of(some) for some in ([], [changed], [changed, added], [added, broken])] == list(Level)


@pytest.mark.parametrize(
    ("current", "level", "expected"),
    [
        ("4.1.2", Level.NONE, "4.1.2"),
        ("4.1.2", Level.PATCH, "4.1.3"),
        ("4.1.2", Level.MINOR, "4.2.0"),
        ("4.1.2", Level.MAJOR, "5.0.0"),
        ("4.0.0.dev0", Level.MAJOR, "4.0.0"),
        ("4.1.0.dev0", Level.MINOR, "4.1.0"),
        ("4.1.0.dev0", Level.MAJOR, "5.0.0"),
        ("4.1.1.rc1", Level.PATCH, "4.1.1"),
        ("4.1.1.rc1", Level.MINOR, "4.2.0"),
    ],
)
def test_the_version_that_follows(current: str, level: Level, expected: str) -> None:
    assert next_version(current, level) == expected
