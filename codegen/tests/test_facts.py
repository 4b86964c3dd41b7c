"""The committed proto says the same about the wire as the release itself, field by field; only the words are ours."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from proto_facts import facts
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_java.java import find_java
from pyxenon_java.release import find_jar


def differences(ours: FileDescriptorProto, theirs: FileDescriptorProto) -> str:
    """What differs, as a diff from the release to the committed proto; empty when nothing does."""
    return "\n".join(difflib.unified_diff(facts(theirs), facts(ours), "the release", "protos/xenon.proto", n=0, lineterm=""))


@pytest.fixture(scope="session")
def committed(repository: Path) -> FileDescriptorProto:
    return compile_proto(repository / "protos/xenon.proto")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorProto:
    """The proto that the pinned release prints about itself."""
    done = subprocess.run([find_java(), "-jar", find_jar(), "--proto"], capture_output=True, text=True, check=True, timeout=60)
    path = tmp_path_factory.mktemp("release") / "xenon.proto"
    path.write_text(done.stdout, encoding="utf-8")
    return compile_proto(path)


@pytest.mark.java
def test_the_committed_proto_states_the_releases_facts(committed: FileDescriptorProto, released: FileDescriptorProto) -> None:
    difference = differences(committed, released)
    assert not difference, f"protos/xenon.proto is not the release's interface:\n{difference}"


@pytest.mark.java
def test_the_release_is_as_large_as_we_know_it(released: FileDescriptorProto) -> None:
    assert released.package == "xenon"
    assert released.options.java_package == "nl.esciencecenter.xenon.grpc"
    assert {service.name: len(service.method) for service in released.service} == {"FileSystemService": 33, "SchedulerService": 26}
    assert len(released.message_type) == 60


def _first_field(file: FileDescriptorProto) -> FieldDescriptorProto:
    return next(message for message in file.message_type if message.name == "JobDescription").field[0]


def _change_number(file: FileDescriptorProto) -> None:
    _first_field(file).number = 99


def _change_type(file: FileDescriptorProto) -> None:
    _first_field(file).type = FieldDescriptorProto.TYPE_BYTES


def _change_label(file: FileDescriptorProto) -> None:
    _first_field(file).label = FieldDescriptorProto.LABEL_REPEATED


def _change_json_name(file: FileDescriptorProto) -> None:
    _first_field(file).json_name = "EXE"


def _make_optional(file: FileDescriptorProto) -> None:
    _first_field(file).proto3_optional = True


def _drop_field(file: FileDescriptorProto) -> None:
    del next(message for message in file.message_type if message.name == "JobDescription").field[0]


def _rename_value(file: FileDescriptorProto) -> None:
    file.enum_type[0].value[0].name = "NOTHING"


def _stream_response(file: FileDescriptorProto) -> None:
    file.service[0].method[0].server_streaming = True


def _drop_option(file: FileDescriptorProto) -> None:
    file.options.ClearField("java_outer_classname")


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        (_change_number, "+field JobDescription.executable = 99: "),
        (_change_type, "TYPE_BYTES"),
        (_change_label, "LABEL_REPEATED"),
        (_change_json_name, "json=EXE"),
        (_make_optional, "optional=True"),
        (_drop_field, "-field JobDescription.executable = 1: "),
        (_rename_value, "+value PosixFilePermission.NOTHING = 0"),
        (_stream_response, "returns (stream .xenon.FileSystemAdaptorDescriptions)"),
        (_drop_option, "java_outer_classname"),
    ],
)
def test_a_changed_fact_is_seen(committed: FileDescriptorProto, change: object, shows: str) -> None:
    changed = FileDescriptorProto()
    changed.CopyFrom(committed)
    assert callable(change)
    change(changed)
    assert shows in differences(changed, committed)
