"""The rules that turn an RPC into a method: one proto of a few lines for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyxenon_codegen.model import Conversion, Interface, Method

Build = Callable[..., Method]
Model = Callable[..., Interface]


def signature(method: Method) -> list[tuple[str, str, str | None]]:
    return [(one.name, one.annotation, one.default) for one in method.parameters]


# --- who a method belongs to ----------------------------------------------------------------------------------------------------------


def test_a_request_that_is_the_handle_makes_a_method_without_parameters(method: Build) -> None:
    made = method("message Size { uint64 bytes = 1; }", "rpc getSize(Disk) returns (Size);")
    assert made.python_name == "get_size"
    assert not made.is_static
    assert made.self_field is None
    assert signature(made) == []
    assert made.async_annotation == made.sync_annotation == "int"


def test_a_field_of_the_handles_type_is_self(method: Build) -> None:
    made = method("message LabelRequest { string label = 1; Disk disk = 2; }", "rpc setLabel(LabelRequest) returns (Empty);")
    assert not made.is_static
    assert made.self_field is not None
    assert made.self_field.name == "disk"
    assert signature(made) == [("label", "str", None)]
    assert made.async_annotation == "None"


def test_the_second_field_of_the_handles_type_is_a_parameter(method: Build) -> None:
    made = method("message CloneRequest { Disk source = 1; Disk target = 2; }", "rpc clone(CloneRequest) returns (Empty);")
    assert made.self_field is not None
    assert made.self_field.name == "source"
    assert signature(made) == [("target", "Disk", None)]
    assert made.parameters[0].conversion is Conversion.HANDLE


def test_a_request_without_a_handle_makes_a_static_method(method: Build) -> None:
    made = method("message Name { string name = 1; }", "rpc find(Name) returns (Disk);")
    assert made.is_static
    assert signature(made) == [("name", "str", None)]
    assert made.async_annotation == "Disk"
    assert made.result.conversion is Conversion.HANDLE


def test_create_is_static_and_gives_the_handle(model: Model) -> None:
    service = model().services[0]
    assert (service.handle, service.module, service.collection) == ("Disk", "disk", "disks")
    assert [made.python_name for made in service.static_methods] == ["create"]
    assert service.handle_methods == ()


def test_the_handles_of_other_services_are_known(model: Model) -> None:
    interface = model(
        """
        syntax = "proto3"; package xenon;
        message Empty {}
        message Disk { string id = 1; }
        message Tape { string id = 1; }
        service DiskService { rpc create(Empty) returns (Disk); }
        service TapeService { rpc create(Empty) returns (Tape); rpc getDisk(Tape) returns (Disk); }
        """
    )
    made = interface.services[1].methods[1]
    assert made.async_annotation == "Disk"
    assert made.result.conversion is Conversion.HANDLE
    assert made.constant == "TAPE_GET_DISK"
    assert made.path == "/xenon.TapeService/getDisk"


# --- parameters -----------------------------------------------------------------------------------------------------------------------


def test_every_kind_of_parameter(method: Build) -> None:
    made = method(
        """
        enum Level { LOW = 0; HIGH = 1; }
        message Plan { string text = 1; }
        message WorkRequest {
            Disk disk = 1;
            bool deep = 2;
            uint32 small = 3;
            uint64 large = 4;
            int32 signed = 5;
            int64 longer = 6;
            Level level = 7;
            map<string, string> options = 8;
            repeated string names = 9;
            repeated Level levels = 10;
            repeated Plan plans = 11;
            Path where = 12;
            Plan plan = 13;
            string text = 14;
            bytes data = 15;
        }
        """,
        "rpc work(WorkRequest) returns (Empty);",
    )
    assert signature(made) == [
        ("names", "Iterable[str]", None),
        ("levels", "Iterable[messages.Level]", None),
        ("plans", "Iterable[messages.Plan]", None),
        ("where", "StrPath", None),
        ("plan", "messages.Plan", None),
        ("text", "str", None),
        ("data", "bytes", None),
        ("deep", "bool", "False"),
        ("small", "int", "0"),
        ("large", "int", "0"),
        ("signed", "int", "0"),
        ("longer", "int", "0"),
        ("level", "messages.Level", "messages.Level.LOW"),
        ("options", "Mapping[str, str] | None", "None"),
    ]
    assert [one.conversion.value for one in made.parameters[:5]] == ["strings", "items", "items", "path", "plain"]
    assert made.parameters[-1].conversion is Conversion.MAPPING
    assert [one.name for one in made.required] == ["names", "levels", "plans", "where", "plan", "text", "data"]


def test_the_members_of_a_oneof_may_be_left_out(method: Build) -> None:
    made = method(
        """
        message Key { string file = 1; }
        message Word { string word = 1; }
        message OpenRequest { string name = 1; oneof secret { Key key = 2; Word word = 3; } }
        """,
        "rpc open(OpenRequest) returns (Disk);",
    )
    assert signature(made) == [
        ("name", "str", None),
        ("key", "messages.Key | None", "None"),
        ("word", "messages.Word | None", "None"),
    ]


def test_a_field_that_is_optional_in_the_proto_may_be_none(model: Model) -> None:
    interface = model("message Limit { optional uint32 lines = 1; uint32 bytes = 2; }")
    lines, size = interface.messages[-1].fields
    assert (lines.optional, lines.oneof, lines.has_presence, lines.python_type, lines.default) == (True, None, True, "int | None", "None")
    assert (size.optional, size.has_presence, size.python_type, size.default) == (False, False, "int", "0")
    assert lines.proto_type == "optional uint32"


def test_an_optional_number_is_a_parameter_that_may_be_none(method: Build) -> None:
    made = method("message Limit { Disk disk = 1; optional uint32 lines = 2; }", "rpc limit(Limit) returns (Empty);")
    assert signature(made) == [("lines", "int | None", "None")]


def test_an_optional_text_may_be_left_out(method: Build) -> None:
    made = method("message Limit { Disk disk = 1; optional string mark = 2; }", "rpc limit(Limit) returns (Empty);")
    assert signature(made) == [("mark", "str | None", "None")]


def test_a_nested_enumeration_runs_its_names_together(method: Build) -> None:
    made = method(
        "message MoveRequest { enum Mode { KEEP = 0; REPLACE = 1; } Disk disk = 1; Mode mode = 2; }",
        "rpc move(MoveRequest) returns (Empty);",
    )
    assert signature(made) == [("mode", "messages.MoveRequestMode", "messages.MoveRequestMode.KEEP")]


def test_words_that_python_keeps_get_an_underscore(method: Build) -> None:
    made = method(
        "message ImportRequest { Disk disk = 1; string from = 2; string class = 3; string self = 4; }",
        "rpc import(ImportRequest) returns (Empty);",
    )
    assert made.python_name == "import_"
    assert made.name == "import"
    assert signature(made) == [("from_", "str", None), ("class_", "str", None), ("self_", "str", None)]
    assert [one.field.name for one in made.parameters] == ["from", "class", "self"]


@pytest.mark.parametrize("name", ["messages", "services", "views", "waiting", "builtins", "strings", "requests", "session", "path_text"])
def test_a_parameter_never_hides_what_the_method_works_with(method: Build, name: str) -> None:
    made = method(f"message UseRequest {{ Disk disk = 1; string {name} = 2; }}", "rpc use(UseRequest) returns (Empty);")
    assert made.parameters[0].name == f"{name}_"
    assert made.parameters[0].field.python_name == name


# --- results --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "response", "annotation", "conversion"),
    [
        ("", "Empty", "None", Conversion.NONE),
        ("message Is { bool value = 1; }", "Is", "bool", Conversion.PLAIN),
        ("message Names { repeated string name = 1; }", "Names", "builtins.list[str]", Conversion.PLAIN),
        ("message Settings { map<string, string> all = 1; }", "Settings", "builtins.dict[str, str]", Conversion.PLAIN),
        ("message Part { string id = 1; }", "Part", "messages.Part", Conversion.PLAIN),
        ("message Two { string a = 1; string b = 2; }", "Two", "messages.Two", Conversion.PLAIN),
        ("", "Path", "Path", Conversion.PATH),
        ("", "Disk", "Disk", Conversion.HANDLE),
        ("message Disks { repeated Disk all = 1; }", "Disks", "builtins.list[Disk]", Conversion.HANDLES),
        ("message Entry { Path path = 1; uint64 size = 2; }", "Entry", "views.Entry", Conversion.VIEW),
        ("message Either { oneof one { Path2 a = 1; Part b = 2; } } message Path2 { string id = 1; } message Part { string id = 1; }",
         "Either", "messages.Path2 | messages.Part", Conversion.ONEOF),
    ],
)  # fmt: skip
def test_what_a_caller_gets(method: Build, body: str, response: str, annotation: str, conversion: Conversion) -> None:
    made = method(body, f"rpc get(Disk) returns ({response});")
    assert made.async_annotation == annotation
    assert made.result.conversion is conversion


def test_a_message_that_is_unwrapped_may_be_absent(method: Build) -> None:
    made = method("message Inner { string a = 1; string b = 2; } message Outer { Inner inner = 1; }", "rpc get(Disk) returns (Outer);")
    assert made.async_annotation == "messages.Inner | None"


def test_a_message_that_holds_a_path_is_seen_through_a_view(model: Model) -> None:
    interface = model("message Entry { Path path = 1; uint64 size = 2; }", "rpc get(Disk) returns (Entry);")
    assert [message.name for message in interface.views] == ["Entry"]
    assert [field.is_path for field in interface.views[0].fields] == [True, False]


# --- streams --------------------------------------------------------------------------------------------------------------------------


def test_a_streamed_response_gives_its_results_one_by_one(method: Build) -> None:
    made = method("message Entry { Path path = 1; uint64 size = 2; }", "rpc list(Disk) returns (stream Entry);")
    assert made.async_annotation == "AsyncIterator[views.Entry]"
    assert made.sync_annotation == "Iterator[views.Entry]"
    assert made.yields
    assert "Yields:\n    What list gives." in made.docstring


def test_a_stream_of_nothing_but_bytes_is_a_stream_of_bytes(method: Build) -> None:
    made = method(
        "message Piece { bytes data = 1; } message ReadRequest { Disk disk = 1; Path path = 2; }",
        "rpc read(ReadRequest) returns (stream Piece);",
    )
    assert made.is_byte_stream
    assert (made.async_annotation, made.sync_annotation) == ("AsyncIterator[bytes]", "Iterator[bytes]")
    assert signature(made) == [("path", "StrPath", None)]


def test_a_streamed_request_takes_its_bytes_from_a_parameter(method: Build) -> None:
    made = method(
        "message WriteRequest { Disk disk = 1; Path path = 2; bytes chunk = 3; uint64 size = 4; }",
        "rpc write(stream WriteRequest) returns (Empty);",
    )
    assert made.stream is not None
    assert (made.stream.parameter, made.stream.field.name) == ("chunk_stream", "chunk")
    assert made.client_streaming
    assert not made.server_streaming
    assert signature(made) == [("path", "StrPath", None), ("size", "int", "0")]
    assert made.docstring.index("path:") < made.docstring.index("chunk_stream:") < made.docstring.index("size:")


def test_the_bytes_of_a_written_file_keep_their_old_name(method: Build) -> None:
    made = method("message WriteRequest { Disk disk = 1; bytes buffer = 2; }", "rpc write(stream WriteRequest) returns (Empty);")
    assert made.stream is not None
    assert made.stream.parameter == "data_stream"


def test_a_conversation_gives_what_was_started_and_the_rest(method: Build) -> None:
    made = method(
        """
        message Task { string id = 1; }
        message Plan { string text = 1; }
        message TalkRequest { Disk disk = 1; Plan plan = 2; bytes stdin = 3; }
        message TalkResponse { Task task = 1; bytes stdout = 2; }
        """,
        "rpc talk(stream TalkRequest) returns (stream TalkResponse);",
    )
    assert made.identity is not None
    assert made.identity.name == "task"
    assert signature(made) == [("plan", "messages.Plan", None)]
    assert made.stream is not None
    assert made.stream.parameter == "stdin_stream"
    assert made.async_annotation == "tuple[messages.Task, AsyncIterator[messages.TalkResponse]]"
    assert made.sync_annotation == "tuple[messages.Task, ResponseStream[messages.TalkResponse]]"
    assert not made.yields
    assert "Returns:\n" in made.docstring


@pytest.mark.parametrize("fields", ["bytes a = 2; bytes b = 3;", "string a = 2;"])
def test_a_stream_has_exactly_one_field_of_bytes(method: Build, raises_codegen: Callable[[str], object], fields: str) -> None:
    with raises_codegen(r"^DiskService\.write streams WriteRequest, which must have exactly one field of bytes"):
        method(f"message WriteRequest {{ Disk disk = 1; {fields} }}", "rpc write(stream WriteRequest) returns (Empty);")


# --- waits ----------------------------------------------------------------------------------------------------------------------------

_STATUS = "message Status { bool running = 1; bool done = 2; } message WaitRequest { Disk disk = 1; uint64 timeout = 2; }"


@pytest.mark.parametrize(("name", "happened"), [("waitUntilDone", "done"), ("waitUntilRunning", "running_or_done")])
def test_a_timeout_makes_a_wait(method: Build, name: str, happened: str) -> None:
    made = method(_STATUS, f"rpc {name}(WaitRequest) returns (Status);")
    assert made.wait is not None
    assert made.wait.happened == happened
    assert signature(made) == [("timeout", "int | None", "0")]


@pytest.mark.parametrize(("status", "told_at_once"), [("Status", False), ("CopyStatus", True)])
def test_only_what_the_server_looks_at_now_and_then_is_asked_in_short_rounds(method: Build, status: str, told_at_once: bool) -> None:
    made = method(_STATUS.replace("message Status", f"message {status}"), f"rpc waitUntilDone(WaitRequest) returns ({status});")
    assert made.wait is not None
    assert made.wait.told_at_once is told_at_once


def test_what_is_waited_for_must_say_when_it_has_happened(method: Build, raises_codegen: Callable[[str], object]) -> None:
    with raises_codegen(r"^DiskService\.wait takes a timeout, but Status does not say when it is done or running$"):
        method(
            "message Status { bool done = 1; } message WaitRequest { Disk disk = 1; uint64 timeout = 2; }",
            "rpc wait(WaitRequest) returns (Status);",
        )


# --- docstrings -----------------------------------------------------------------------------------------------------------------------


def test_the_docstring_says_everything_that_is_known(method: Build) -> None:
    made = method(
        "message CountRequest { Disk disk = 1; bool deep = 2; Path path = 3; } message Count { uint64 number = 1; }",
        "rpc count(CountRequest) returns (Count);",
        raises=["NoSuchPathException"],
        errors={"NoSuchPathException": "Nothing is there."},
    )
    assert made.docstring == (
        "Do count.\n"
        "\n"
        "Args:\n"
        "    path: About CountRequest.path.\n"
        "    deep: About CountRequest.deep.\n"
        "\n"
        "Returns:\n"
        "    What count gives.\n"
        "\n"
        "Raises:\n"
        "    NoSuchPathException: Nothing is there.\n"
        "\n"
        "Source: rpc ``xenon.DiskService/count``."
    )
    assert made.proto_doc == "Do count.\n\nReturns: What count gives.\n\nErrors: NoSuchPathException."
