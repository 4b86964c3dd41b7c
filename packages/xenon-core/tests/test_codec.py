"""The generated codec against protobuf's own messages and against betterproto's generic ones, for every message of the interface."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message as ProtobufMessage
from grpc_tools import protoc
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pyxenon_core import messages
from pyxenon_core._generated import codec
from pyxenon_core.message import Message
from pyxenon_core.wire import DecodeError

PROTO = Path(__file__).parents[3] / "protos" / "xenon.proto"
RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FAR_NUMBERS = st.integers(min_value=100, max_value=2**29 - 1)
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def _pool() -> descriptor_pool.DescriptorPool:
    """A pool of the tests' own, so that nothing here meets what another test has registered."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "descriptors.bin")
        assert protoc.main(["protoc", f"-I{PROTO.parent}", f"--descriptor_set_out={output}", PROTO.name]) == 0
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file:
            pool.Add(file)
    return pool


DESCRIPTORS: dict[str, Descriptor] = dict(_pool().FindFileByName("xenon.proto").message_types_by_name)
every_message = pytest.mark.parametrize("name", sorted(DESCRIPTORS))
every_message_with_fields = pytest.mark.parametrize("name", sorted(name for name, one in DESCRIPTORS.items() if one.fields))


# --- values, as dictionaries that know nothing of either kind of message ------------------------------------------------------------------


@functools.cache
def values(descriptor: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Any content of a message: each field present or not, and at most one member of each oneof."""
    alone = {field.name: _field(field) for field in descriptor.fields if field.containing_oneof is None}
    parts = [st.fixed_dictionaries({}, optional=alone)]
    for oneof in descriptor.oneofs:
        members = [st.fixed_dictionaries({field.name: _field(field)}) for field in oneof.fields]
        parts.append(st.one_of(st.just({}), *members))
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


def _field(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if _is_map(field):
        entry = field.message_type.fields_by_name
        return st.dictionaries(_one(entry["key"]), _one(entry["value"]), max_size=3)
    return st.lists(_one(field), max_size=3) if field.is_repeated else _one(field)


def _one(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXT
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=200)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return values(field.message_type)
    low, high = RANGES[field.type]
    known = [number for number in (*range(12), 127, 128, low, high) if low <= number <= high]
    return st.sampled_from(known) | st.integers(low, high)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def to_ours(descriptor: Descriptor, content: dict[str, Any]) -> Message:
    """Our message with that content, made the way users make it: by keywords."""
    kind = getattr(messages, descriptor.name)
    return kind(**{name: _shape(descriptor.fields_by_name[name], value, _our_item) for name, value in content.items()})


def to_protobuf(descriptor: Descriptor, content: dict[str, Any]) -> ProtobufMessage:
    """Protobuf's message with that content."""
    kind = message_factory.GetMessageClass(descriptor)
    return kind(**{name: _shape(descriptor.fields_by_name[name], value, _protobuf_item) for name, value in content.items()})


def _shape(field: FieldDescriptor, value: Any, item: Callable[[FieldDescriptor, Any], Any]) -> Any:
    if _is_map(field):
        entry = field.message_type.fields_by_name["value"]
        return {key: item(entry, one) for key, one in value.items()}
    return [item(field, one) for one in value] if field.is_repeated else item(field, value)


def _our_item(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return to_ours(field.message_type, value)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return getattr(messages, field.enum_type.full_name.removeprefix("xenon.").replace(".", ""))(value)
    return value


def _protobuf_item(field: FieldDescriptor, value: Any) -> Any:
    return to_protobuf(field.message_type, value) if field.type == FieldDescriptor.TYPE_MESSAGE else value


def encode(message: Message) -> bytes:
    return getattr(codec, f"encode_{_suffix(type(message).__name__)}")(message)


def parse(name: str, data: bytes) -> Message:
    return getattr(codec, f"parse_{_suffix(name)}")(data)


def _suffix(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def protobuf_parse(name: str, data: bytes) -> ProtobufMessage:
    return message_factory.GetMessageClass(DESCRIPTORS[name]).FromString(data)


def unknown_in(message: ProtobufMessage) -> list[tuple[int, int, Any]]:
    """The fields of *message* that protobuf does not know, in their order."""
    return [(field.field_number, field.wire_type, field.data) for field in unknown_fields.UnknownFieldSet(message)]


# --- the four ways to and from the wire agree -----------------------------------------------------------------------------------------


@every_message
def test_there_is_a_codec_for_every_message(name: str) -> None:
    kind = getattr(messages, name)
    assert encode(kind()) == b""
    assert parse(name, b"") == kind()


@every_message
@quick
@given(data=st.data())
def test_what_we_encode_protobuf_and_betterproto_read(name: str, data: st.DataObject) -> None:
    content = data.draw(values(DESCRIPTORS[name]))
    ours, theirs = to_ours(DESCRIPTORS[name], content), to_protobuf(DESCRIPTORS[name], content)
    encoded = encode(ours)
    assert protobuf_parse(name, encoded) == theirs
    assert type(ours).parse(encoded) == ours
    assert protobuf_parse(name, bytes(ours)) == theirs


@every_message
@quick
@given(data=st.data())
def test_what_protobuf_encodes_we_read(name: str, data: st.DataObject) -> None:
    content = data.draw(values(DESCRIPTORS[name]))
    ours, theirs = to_ours(DESCRIPTORS[name], content), to_protobuf(DESCRIPTORS[name], content)
    decoded = parse(name, theirs.SerializeToString())
    assert decoded == ours
    assert type(decoded) is type(ours)
    assert protobuf_parse(name, encode(decoded)) == theirs


# --- what a newer server may send -----------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


@st.composite
def foreign_field(draw: st.DrawFn) -> bytes:
    """A field that no message of the interface has, of any wire type that is still in use."""
    wire_type = draw(st.sampled_from([0, 1, 2, 5]))
    tag = _varint(draw(FAR_NUMBERS) << 3 | wire_type)
    payload = draw(st.binary(max_size=20))
    value = {
        0: _varint(draw(st.integers(0, 2**64 - 1))),
        1: payload[:8].ljust(8, b"."),
        2: _varint(len(payload)) + payload,
        5: payload[:4].ljust(4, b"."),
    }
    return tag + value[wire_type]


@every_message
@quick
@given(data=st.data())
def test_fields_that_nobody_knows_survive_a_round_trip(name: str, data: st.DataObject) -> None:
    content = data.draw(values(DESCRIPTORS[name]))
    before, after = data.draw(foreign_field()), data.draw(foreign_field())
    wire = before + to_protobuf(DESCRIPTORS[name], content).SerializeToString() + after
    decoded = parse(name, wire)
    assert decoded == to_ours(DESCRIPTORS[name], content)
    again, original = protobuf_parse(name, encode(decoded)), protobuf_parse(name, wire)
    assert unknown_in(again) == unknown_in(original)
    assert len(unknown_in(again)) == 2
    again.DiscardUnknownFields()
    original.DiscardUnknownFields()
    assert again == original


def test_fields_that_nobody_knows_survive_inside_a_nested_message() -> None:
    foreign = _varint(500 << 3) + b"\x07"
    path = b"\x0a\x04/tmp" + foreign
    wire = b"\x12" + _varint(len(path)) + path
    decoded = parse("PathRequest", wire)
    assert isinstance(decoded, messages.PathRequest)
    assert decoded.path == messages.Path(path="/tmp")
    assert encode(decoded) == wire


def test_a_known_number_with_another_wire_type_is_an_unknown_field() -> None:
    wire = b"\x08\x05"  # Path.path is text; this is a number under the same field number
    decoded = parse("Path", wire)
    assert decoded == messages.Path()
    assert encode(decoded) == wire


@pytest.mark.parametrize("number", [10, 99, 2**31 - 1, -1, -(2**31)])
def test_an_enumeration_keeps_a_number_without_a_name(number: int) -> None:
    status = messages.CopyStatus(error_type=messages.CopyStatusErrorType(number))
    decoded = parse("CopyStatus", encode(status))
    assert isinstance(decoded, messages.CopyStatus)
    assert decoded.error_type == number
    assert isinstance(decoded.error_type, messages.CopyStatusErrorType)


def test_packed_and_unpacked_enumerations_are_read() -> None:
    wanted = [messages.PosixFilePermission.OWNER_READ, messages.PosixFilePermission.OTHERS_READ]
    packed, unpacked = b"\x1a\x02\x01\x07", b"\x18\x01\x18\x07"
    for wire in (packed, unpacked):
        decoded = parse("SetPosixFilePermissionsRequest", wire)
        assert isinstance(decoded, messages.SetPosixFilePermissionsRequest)
        assert decoded.permissions == wanted
        assert encode(decoded) == packed


def test_the_last_member_of_a_oneof_on_the_wire_counts() -> None:
    both = b"\x12\x03\x0a\x01a\x1a\x03\x0a\x01b"  # a password credential, then a default credential
    decoded = parse("UserCredential", both)
    assert decoded == messages.UserCredential(default_credential=messages.DefaultCredential(username="b"))


def test_an_entry_of_a_map_without_key_or_value_has_their_defaults() -> None:
    assert parse("Properties", b"\x0a\x00") == messages.Properties({"": ""})
    assert parse("CredentialMap", b"\x0a\x03\x0a\x01a") == messages.CredentialMap(entries={"a": messages.UserCredential()})


# --- what is no message ---------------------------------------------------------------------------------------------------------------


@every_message
@settings(quick, max_examples=40)
@given(wire=st.binary(max_size=60))
def test_random_bytes_are_read_or_refused(name: str, wire: bytes) -> None:
    try:
        decoded = parse(name, wire)
    except DecodeError:
        return
    assert type(decoded) is getattr(messages, name)


@every_message_with_fields
@quick
@given(data=st.data())
def test_damaged_messages_are_read_only_when_protobuf_reads_them(name: str, data: st.DataObject) -> None:
    wire = bytearray(to_protobuf(DESCRIPTORS[name], data.draw(values(DESCRIPTORS[name]))).SerializeToString())
    assume(wire)
    for place in data.draw(st.lists(st.integers(0, len(wire) - 1), min_size=1, max_size=3)):
        wire[place] = data.draw(st.integers(0, 255))
    try:
        parse(name, bytes(wire))
    except DecodeError:
        return
    protobuf_parse(name, bytes(wire))


@every_message_with_fields
@quick
@given(data=st.data())
def test_a_message_cut_short_is_read_or_refused_as_protobuf_does(name: str, data: st.DataObject) -> None:
    wire = to_protobuf(DESCRIPTORS[name], data.draw(values(DESCRIPTORS[name]))).SerializeToString()
    assume(wire)
    cut = wire[: data.draw(st.integers(0, len(wire) - 1))]
    try:
        theirs = protobuf_parse(name, cut)
    except ProtobufDecodeError:
        with pytest.raises(DecodeError):
            parse(name, cut)
    else:
        assert protobuf_parse(name, encode(parse(name, cut))) == theirs


@pytest.mark.parametrize(
    ("name", "wire", "readable"),
    [
        ("Path", b"\x8a\x80\x80\x80\x00\x01a", True),
        ("Path", b"\x8a\x80\x80\x80\x80\x00\x01a", False),
        ("Path", b"\x0a\x81\x80\x80\x80\x00a", True),
        ("Path", b"\x0a\x81\x80\x80\x80\x80\x00a", False),
        ("Path", b"\x7a\x81\x80\x80\x80\x00a", True),
        ("Path", b"\x7a\x81\x80\x80\x80\x80\x00a", False),
        ("Path", b"\xfa\x80\x80\x80\x80\x00\x01a", False),
        ("Properties", b"\x0a\x07\x8a\x80\x80\x80\x00\x01a", True),
        ("Properties", b"\x0a\x08\x8a\x80\x80\x80\x80\x00\x01a", False),
        ("Properties", b"\x0a\x08\x0a\x81\x80\x80\x80\x80\x00a", False),
        ("SetPosixFilePermissionsRequest", b"\x1a\x81\x80\x80\x80\x80\x00\x01", False),
        ("SetPosixFilePermissionsRequest", b"\x98\x80\x80\x80\x80\x00\x01", False),
        ("CopyStatus", b"\x10\x81\x80\x80\x80\x80\x80\x80\x00", True),
    ],
)
def test_a_tag_or_a_length_has_at_most_five_bytes(name: str, wire: bytes, readable: bool) -> None:
    if readable:
        assert protobuf_parse(name, encode(parse(name, wire))) == protobuf_parse(name, wire)
        return
    with pytest.raises(ProtobufDecodeError):
        protobuf_parse(name, wire)
    with pytest.raises(DecodeError, match="five bytes"):
        parse(name, wire)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("Path", b"\x0a\x02\xc3\x28"),
        ("Path", b"\x0a\x03\xed\xa0\x80"),  # a surrogate
        ("Queues", b"\x0a\x01\xff"),
        ("Properties", b"\x0a\x03\x0a\x01\xff"),
        ("Properties", b"\x0a\x03\x12\x01\xff"),
        ("PathRequest", b"\x12\x03\x0a\x01\xff"),
    ],
)
def test_text_that_is_not_utf8_is_refused(name: str, wire: bytes) -> None:
    with pytest.raises(DecodeError):
        parse(name, wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"\x08" + b"\xff" * 10 + b"\x01",  # a number of eleven bytes
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a text of 2**64 - 1 bytes
        b"\x00\x00",  # field number 0
        b"\x0e\x00",  # wire type 6
        b"\x0c",  # the end of a group that never began
        b"\x79\x01",  # eight bytes, of which there is one
        b"\x0a",
        b"\x80",
    ],
)
def test_broken_bytes_are_refused(wire: bytes) -> None:
    with pytest.raises(DecodeError, match="path|wire|field|number|message"):
        parse("Path", wire)


def test_a_packed_field_does_not_reach_into_the_next_one() -> None:
    wire = b"\x1a\x01\x80\x01"  # one byte of permissions, which begins a number that needs two
    with pytest.raises(ProtobufDecodeError):
        protobuf_parse("SetPosixFilePermissionsRequest", wire)
    with pytest.raises(DecodeError):
        parse("SetPosixFilePermissionsRequest", wire)


def test_a_nested_message_does_not_reach_beyond_its_own_end() -> None:
    wire = b"\x12\x02\x0a\x05" + b"/tmp/"
    with pytest.raises(DecodeError):
        parse("PathRequest", wire)
