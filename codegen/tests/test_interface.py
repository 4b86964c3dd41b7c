"""Messages, enumerations and their shapes in the model, and everything that the generator refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.interface import build_interface
from pyxenon_codegen.model import Interface, Shape
from pyxenon_codegen.words import RpcWords, Words, read_words

Model = Callable[..., Interface]
Refused = Callable[[str], pytest.RaisesExc[CodegenError]]


# --- shapes ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "shape", "python_type", "default", "tag", "packed"),
    [
        ("string a = 1;", Shape.STRING, "str", '""', b"\x0a", False),
        ("bytes a = 2;", Shape.BYTES, "bytes", 'b""', b"\x12", False),
        ("bool a = 3;", Shape.BOOL, "bool", "False", b"\x18", False),
        ("uint32 a = 4;", Shape.UINT32, "int", "0", b"\x20", False),
        ("uint64 a = 15;", Shape.UINT64, "int", "0", b"\x78", False),
        ("int32 a = 16;", Shape.INT32, "int", "0", b"\x80\x01", False),
        ("int64 a = 2047;", Shape.INT64, "int", "0", b"\xf8\x7f", False),
        ("Level a = 1;", Shape.ENUM, "messages.Level", "messages.Level.LOW", b"\x08", False),
        ("Path a = 1;", Shape.MESSAGE, "messages.Path | None", "None", b"\x0a", False),
        ("optional string a = 1;", Shape.STRING, "str | None", "None", b"\x0a", False),
        ("repeated string a = 1;", Shape.STRING, "builtins.list[str]", "[]", b"\x0a", False),
        ("repeated Path a = 1;", Shape.MESSAGE, "builtins.list[messages.Path]", "[]", b"\x0a", False),
        ("repeated Level a = 1;", Shape.ENUM, "builtins.list[messages.Level]", "[]", b"\x0a", True),
        ("repeated uint32 a = 1;", Shape.UINT32, "builtins.list[int]", "[]", b"\x0a", True),
        ("map<string, string> a = 1;", Shape.MESSAGE, "builtins.dict[str, str]", "{}", b"\x0a", False),
        ("map<string, Path> a = 1;", Shape.MESSAGE, "builtins.dict[str, messages.Path]", "{}", b"\x0a", False),
    ],
)
def test_every_shape_of_field(
    model: Model, declaration: str, shape: Shape, python_type: str, default: str, tag: bytes, packed: bool
) -> None:
    field = model(f"enum Level {{ LOW = 0; HIGH = 1; }} message Thing {{ {declaration} }}").messages[-1].fields[0]
    assert field.shape is shape
    assert field.python_type == python_type
    assert field.default == default
    assert eval(field.tag_literal) == tag
    assert field.is_packed is packed
    assert field.doc == "About Thing.a."
    assert field.label == "Thing.a"
    assert f"{field.proto_type} a = {field.number};" == declaration


def test_a_map_knows_its_key_and_value(model: Model) -> None:
    texts, paths = model("message Thing { map<string, string> texts = 1; map<string, Path> paths = 2; }").messages[-1].fields
    assert texts.is_map
    assert texts.key is not None
    assert texts.value is not None
    assert (texts.key.shape, texts.value.shape) == (Shape.STRING, Shape.STRING)
    assert paths.value is not None
    assert (paths.value.shape, paths.value.type_name) == (Shape.MESSAGE, "Path")


def test_a_oneof_keeps_its_members_together(model: Model) -> None:
    message = model("message Thing { string a = 1; oneof choice { Path b = 2; bool c = 4; } string d = 3; }").messages[-1]
    assert message.oneofs == {"choice": "About Thing.choice."}
    assert [[field.name for field in member.fields] for member in message.members] == [["a"], ["b", "c"], ["d"]]
    assert [member.oneof for member in message.members] == [None, "choice", None]
    assert message.oneof_members["choice"][1].python_type == "bool | None"


def test_enumerations_at_both_levels(model: Model) -> None:
    interface = model("enum Level { LOW = 0; HIGH = 5; } message Thing { enum Kind { A = 0; B = 1; } Kind kind = 1; Level level = 2; }")
    assert [(enum.name, enum.class_name, enum.nested_name) for enum in interface.all_enums] == [
        ("Level", "Level", "Level"),
        ("Thing.Kind", "ThingKind", "Kind"),
    ]
    assert [(value.name, value.number, value.doc) for value in interface.enums[0].values] == [
        ("LOW", 0, "About Level.LOW."),
        ("HIGH", 5, "About Level.HIGH."),
    ]
    kind, level = interface.messages[-1].fields
    assert (kind.proto_type, kind.default) == ("Kind", "messages.ThingKind.A")
    assert (level.proto_type, level.default) == ("Level", "messages.Level.LOW")


@pytest.mark.parametrize(
    ("fields", "expected"), [("string id = 1;", True), ("string name = 1;", False), ("string id = 1; bool b = 2;", False)]
)
def test_what_does_nothing_but_name_a_thing(model: Model, fields: str, expected: bool) -> None:
    assert model(f"message Thing {{ {fields} }}").messages[-1].is_identity is expected


def test_a_message_that_users_fill_in_gets_a_constructor(model: Model) -> None:
    interface = model(
        """
        message Plan { string program = 1; repeated string words = 2; map<string, string> names = 3; uint32 runs = 4; }
        message RunRequest { Disk disk = 1; Plan plan = 2; }
        """,
        "rpc run(RunRequest) returns (Empty);",
    )
    assert [message.name for message in interface.descriptions] == ["Plan"]
    assert [(field.python_name, field.constructor_type, field.constructor_default) for field in interface.descriptions[0].fields] == [
        ("program", "StrPath", '""'),
        ("words", "Iterable[StrPath]", "()"),
        ("names", "Mapping[str, str]", "MappingProxyType({})"),
        ("runs", "int", "0"),
    ]


@pytest.mark.parametrize(
    "name", ["class", "from", "messages", "services", "self", "builtins", "md5_sum", "fileSize", "file2name", "part2Of3"]
)
def test_a_field_has_the_attribute_that_betterproto_gives_it(model: Model, name: str) -> None:
    from betterproto2_compiler.compile.naming import pythonize_field_name

    assert model(f"message Thing {{ string {name} = 1; }}").messages[-1].fields[0].python_name == pythonize_field_name(name)


# --- what is refused ------------------------------------------------------------------------------------------------------------------


def test_a_nested_message(model: Model, raises_codegen: Refused) -> None:
    with raises_codegen(r"^Thing nests a message; write it at the top level of the proto instead$"):
        model("message Thing { message Part { string a = 1; } Part part = 1; }")


@pytest.mark.parametrize("kind", ["double", "float", "fixed32", "fixed64", "sfixed32", "sfixed64", "sint32", "sint64"])
def test_a_type_that_the_codec_does_not_know(model: Model, raises_codegen: Refused, kind: str) -> None:
    with raises_codegen(rf"^Thing\.a is of TYPE_{kind.upper()}, which the codec template does not know; teach it there$"):
        model(f"message Thing {{ {kind} a = 1; }}")


@pytest.mark.parametrize(
    ("declaration", "says"),
    [
        ("map<string, bool>", "string to bool"),
        ("map<uint32, string>", "uint32 to string"),
        ("map<int64, Path>", "int64 to message"),
        ("map<string, bytes>", "string to bytes"),
    ],
)
def test_a_map_that_the_codec_does_not_know(model: Model, raises_codegen: Refused, declaration: str, says: str) -> None:
    with raises_codegen(rf"^Thing\.a maps {says}; the codec template knows string to string and string to message$"):
        model(f"message Thing {{ {declaration} a = 1; }}")


def test_a_service_that_creates_nothing(model: Model, raises_codegen: Refused) -> None:
    with raises_codegen(r"^ClockService has no rpc create, which says what its handle is$"):
        model("service ClockService { rpc now(Empty) returns (Empty); }")


@pytest.mark.parametrize(
    ("body", "rpcs", "says"),
    [
        ("message MoveMode { string a = 1; } message Move { enum Mode { A = 0; } Mode mode = 1; }", "", "class: MoveMode"),
        ("message Thing { string URL = 1; string url = 2; }", "", "attribute of Thing: url"),
        ("", "rpc getSize(Disk) returns (Empty); rpc get_size(Disk) returns (Empty);", "method of Disk: get_size"),
        ("service OtherService { rpc create(Empty) returns (Disk); }", "", "module: disk"),
        (
            "message WriteRequest { Disk disk = 1; bytes chunk = 2; string chunk_stream = 3; }",
            "rpc write(stream WriteRequest) returns (Empty);",
            r"parameter of Disk\.write: chunk_stream",
        ),
    ],
)
def test_two_things_of_one_name(model: Model, raises_codegen: Refused, body: str, rpcs: str, says: str) -> None:
    with raises_codegen(rf"^two things in the interface would become the same {says}$"):
        model(body, rpcs)


def test_a_proto_that_imports_another(tmp_path: Path, raises_codegen: Refused) -> None:
    (tmp_path / "xenon.proto").write_text(
        'syntax = "proto3"; package xenon; import "google/protobuf/empty.proto"; message A { google.protobuf.Empty b = 1; }',
        encoding="utf-8",
    )
    with raises_codegen(r"xenon\.proto imports other files; the interface must be a single proto$"):
        compile_proto(tmp_path / "xenon.proto")


def test_a_proto_that_is_none(tmp_path: Path, raises_codegen: Refused) -> None:
    (tmp_path / "xenon.proto").write_text("message {", encoding="utf-8")
    with raises_codegen(r"^the protocol compiler failed on .*xenon\.proto"):
        compile_proto(tmp_path / "xenon.proto")


def test_a_proto_that_is_not_there(tmp_path: Path, raises_codegen: Refused) -> None:
    with raises_codegen(r"^there is no proto at .*absent\.proto$"):
        compile_proto(tmp_path / "absent.proto")


# --- words ----------------------------------------------------------------------------------------------------------------------------

_PROTO = """
syntax = "proto3";
package xenon;
message Empty {}
message Disk { string id = 1; oneof one { Empty a = 2; } }
enum Level { LOW = 0; }
service DiskService { rpc create(Empty) returns (Disk); }
"""
_TEXTS = ("Empty", "Disk", "Disk.id", "Disk.one", "Disk.a", "Level", "Level.LOW", "DiskService")


def _check(tmp_path: Path, words: Words, errors: tuple[str, ...] = ()) -> None:
    path = tmp_path / "xenon.proto"
    path.write_text(_PROTO, encoding="utf-8")
    build_interface(compile_proto(path), words, {})
    words.check(errors)


def _words(*without: str, more: dict[str, str] | None = None, raises: tuple[str, ...] = ()) -> Words:
    texts = {name: "Words." for name in _TEXTS if name not in without} | (more or {})
    rpcs = {} if "DiskService.create" in without else {"DiskService.create": RpcWords("Create.", "It.", raises)}
    return Words(texts, rpcs)


def test_words_that_fit_are_accepted(tmp_path: Path) -> None:
    _check(tmp_path, _words())


@pytest.mark.parametrize("name", [*_TEXTS, "DiskService.create"])
def test_a_missing_word_is_named(tmp_path: Path, raises_codegen: Refused, name: str) -> None:
    with raises_codegen(rf"^protos/words\.toml does not fit the interface:\n  no word for {name}$"):
        _check(tmp_path, _words(name))


def test_an_empty_word_is_missing(tmp_path: Path, raises_codegen: Refused) -> None:
    with raises_codegen(r"no word for Disk\.id$"):
        _check(tmp_path, _words(more={"Disk.id": " \n"}))


def test_a_word_for_nothing_is_named(tmp_path: Path, raises_codegen: Refused) -> None:
    with raises_codegen(r"\n  a word for Disk\.size, which the interface does not have; say under \[removed\] what to use instead$"):
        _check(tmp_path, _words(more={"Disk.size": "Bytes."}))


def test_an_exception_that_nobody_defines_is_named(tmp_path: Path, raises_codegen: Refused) -> None:
    with raises_codegen(r"\n  the exception NoSuchDiskException is named by a method and defined nowhere$"):
        _check(tmp_path, _words(raises=("NoSuchDiskException", "KnownException")), ("KnownException",))


def test_every_complaint_comes_at_once(tmp_path: Path, raises_codegen: Refused) -> None:
    with raises_codegen(r"no word for Disk\.id\n  a word for Disk\.size, .*\n  the exception OddException "):
        _check(tmp_path, _words("Disk.id", more={"Disk.size": "Bytes."}, raises=("OddException",)))


def test_words_are_read_from_toml_paragraph_by_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text(
        """
        [services.DiskService]
        doc = "Disks."
        [services.DiskService.rpcs.create]
        doc = '''
        Make
        one.

        Second paragraph.'''
        returns = "It."
        raises = ["AException"]
        [messages.Disk]
        doc = "A disk."
        [messages.Disk.fields]
        id = "Its name."
        [messages.Disk.oneofs]
        one = "One of them."
        [enums."Disk.Kind"]
        doc = "Kinds."
        [enums."Disk.Kind".values]
        SLOW = "Slow."
        """,
        encoding="utf-8",
    )
    words = read_words(path)
    assert words.rpc("DiskService.create") == RpcWords("Make one.\n\nSecond paragraph.", "It.", ("AException",))
    names = ("DiskService", "Disk", "Disk.id", "Disk.one", "Disk.Kind", "Disk.Kind.SLOW")
    assert [words.text(name) for name in names] == ["Disks.", "A disk.", "Its name.", "One of them.", "Kinds.", "Slow."]
    words.check(["AException"])


@pytest.mark.parametrize("content", [None, "a = ", "\ufeff"])
def test_words_that_cannot_be_read_are_named_by_file(tmp_path: Path, raises_codegen: Refused, content: str | None) -> None:
    path = tmp_path / "words.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with raises_codegen(r"^cannot read .*words\.toml: "):
        read_words(path)


def test_a_method_of_which_not_everything_is_said_is_named(tmp_path: Path, raises_codegen: Refused) -> None:
    path = tmp_path / "words.toml"
    path.write_text('[services.DiskService]\ndoc = "Disks."\n[services.DiskService.rpcs.create]\ndoc = "Create."\n', encoding="utf-8")
    with raises_codegen(r"words\.toml does not say of DiskService\.create: raises, returns$"):
        read_words(path)


def test_a_table_without_a_doc_is_a_missing_word(tmp_path: Path, raises_codegen: Refused) -> None:
    path = tmp_path / "words.toml"
    path.write_text('[messages.Disk]\n[messages.Disk.fields]\nid = "Its name."\n[enums.Level]\n[services.DiskService]\n', encoding="utf-8")
    words = read_words(path)
    for name in ("Disk", "Disk.id", "Level", "DiskService"):
        words.text(name)
    with raises_codegen(r"interface:\n  no word for Disk\n  no word for Level\n  no word for DiskService$"):
        words.check()
