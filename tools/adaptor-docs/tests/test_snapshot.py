"""A snapshot holds the facts of a server's descriptions, none of its sentences, and is the same however the server orders its adaptors."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from pyxenon_adaptor_docs.errors import FactsError, TargetUnavailableError
from pyxenon_adaptor_docs.facts import parse_facts
from pyxenon_adaptor_docs.snapshot import facts_of, facts_text, take_snapshot
from pyxenon_core.messages import FileSystemAdaptorDescription, PropertyDescription, PropertyDescriptionType


class _Type(IntEnum):
    STRING = 0
    SIZE = 5


@dataclass
class _Property:
    name: str
    type: _Type = _Type.SIZE
    default_value: str = "64K"
    description: str = "a sentence of the server"


@dataclass
class _FileSystem:
    name: str
    description: str = "a sentence of the server"
    supported_locations: list[str] = field(default_factory=lambda: ["b", "a"])
    supported_properties: list[_Property] = field(default_factory=lambda: [_Property("z"), _Property("y", _Type.STRING, "")])
    can_append: bool = True
    supported_credentials: list[str] = field(default_factory=lambda: ["PasswordCredential"])
    supports_rename: bool = False
    _unknown_fields: bytes = b""


@dataclass
class _Coloured(_Property):
    colour: str = "red"


@dataclass
class _Grown(_FileSystem):
    largest_file: int = 5


def test_facts_keep_the_servers_order_within_an_adaptor_and_leave_its_sentences() -> None:
    assert facts_of([_FileSystem("tape")]) == [
        {
            "name": "tape",
            "supported_locations": ["b", "a"],
            "supported_credentials": ["PasswordCredential"],
            "can_append": True,
            "supports_rename": False,
            "supported_properties": [
                {"name": "z", "type": "SIZE", "default_value": "64K"},
                {"name": "y", "type": "STRING", "default_value": ""},
            ],
        }
    ]
    assert "sentence" not in facts_text([_FileSystem("tape")], [])


def test_the_text_does_not_depend_on_the_order_of_the_adaptors_and_can_be_read_back() -> None:
    one, two = _FileSystem("tape"), _FileSystem("disk")
    text = facts_text([one, two], [])
    assert text == facts_text([two, one], [])
    assert text.endswith("}\n")
    assert [adaptor.name for adaptor in parse_facts(json.loads(text), "test").filesystems] == ["disk", "tape"]


def test_a_field_that_this_tool_does_not_know_is_named() -> None:
    with pytest.raises(FactsError, match=r"tape.*largest_file"):
        facts_of([_Grown("tape")])


def test_a_field_of_a_property_that_this_tool_does_not_know_is_named() -> None:
    with pytest.raises(FactsError, match=r"z.*colour"):
        facts_of([_FileSystem("tape", supported_properties=[_Coloured("z")])])


class _NoMessage:
    name = "tape"
    supported_locations: Sequence[str] = ()
    supported_credentials: Sequence[str] = ()
    supported_properties: Sequence[_Property] = ()


def test_something_that_is_no_message_is_refused() -> None:
    with pytest.raises(FactsError, match=r"tape.*_NoMessage"):
        facts_of([_NoMessage()])


def _descriptor(*flags: str) -> Any:
    """The class of a description as protobuf makes it of an interface in which adaptors have *flags*."""
    file = descriptor_pb2.FileDescriptorProto(name="tape.proto", package="tape", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    named = file.message_type.add(name="PropertyDescription")
    for number, name in enumerate(("name", "description", "default_value"), 1):
        named.field.add(name=name, number=number, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    types = named.enum_type.add(name="Type")
    for name, number in (("STRING", 0), ("SIZE", 5)):
        types.value.add(name=name, number=number)
    named.field.add(name="type", number=4, type=kinds.TYPE_ENUM, label=kinds.LABEL_OPTIONAL, type_name=".tape.PropertyDescription.Type")
    adaptor = file.message_type.add(name="FileSystemAdaptorDescription")
    for number, name in enumerate(("name", "description", "supported_locations"), 1):
        label = kinds.LABEL_REPEATED if name.startswith("supported") else kinds.LABEL_OPTIONAL
        adaptor.field.add(name=name, number=number, type=kinds.TYPE_STRING, label=label)
    many, of_properties = kinds.LABEL_REPEATED, ".tape.PropertyDescription"
    adaptor.field.add(name="supported_properties", number=4, type=kinds.TYPE_MESSAGE, label=many, type_name=of_properties)
    for number, name in enumerate(flags, 5):
        adaptor.field.add(name=name, number=number, type=kinds.TYPE_BOOL, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tape.FileSystemAdaptorDescription"))


def test_messages_of_another_release_give_facts_too() -> None:
    description = _descriptor("can_append", "can_fly")(name="tape", description="a sentence", supported_locations=["b", "a"], can_fly=True)
    description.supported_properties.add(name="z", default_value="64K", type=5)
    description.supported_properties.add(name="y", description="a sentence")
    assert facts_of([description]) == [
        {
            "name": "tape",
            "supported_locations": ["b", "a"],
            "supported_credentials": [],  # a release that has none
            "can_append": False,
            "can_fly": True,
            "supported_properties": [
                {"name": "z", "type": "SIZE", "default_value": "64K"},
                {"name": "y", "type": "STRING", "default_value": ""},
            ],
        }
    ]
    assert [adaptor.name for adaptor in parse_facts(json.loads(facts_text([description], [])), "test").filesystems] == ["tape"]


def test_a_type_that_the_interface_does_not_know_is_told_by_its_number() -> None:
    description = _descriptor()(name="tape")
    description.supported_properties.add(name="z", type=77)
    assert facts_of([description])[0]["supported_properties"] == [{"name": "z", "type": "77", "default_value": ""}]
    ours = FileSystemAdaptorDescription(name="tape", supported_properties=[PropertyDescription(name="z", type=PropertyDescriptionType(77))])
    assert facts_of([ours])[0]["supported_properties"] == [{"name": "z", "type": "77", "default_value": ""}]


def test_messages_of_the_sdk_and_of_protobuf_give_the_same() -> None:
    property_ = PropertyDescription(name="z", type=PropertyDescriptionType.SIZE, default_value="64K")
    ours = FileSystemAdaptorDescription(name="tape", supported_locations=["a"], can_append=True, supported_properties=[property_])
    flags = [name for name, value in facts_of([ours])[0].items() if isinstance(value, bool)]
    theirs = _descriptor(*flags)(name="tape", supported_locations=["a"], can_append=True)
    theirs.supported_properties.add(name="z", type=5, default_value="64K")
    assert facts_text([theirs], []) == facts_text([ours], [])


@dataclass
class _Service:
    descriptions: list[_FileSystem]

    async def get_adaptor_descriptions(self) -> list[_FileSystem]:
        return self.descriptions


@dataclass
class _Client:
    filesystems: _Service
    schedulers: _Service
    closed: bool = False

    async def __aenter__(self) -> _Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True


class _XenonError(Exception):
    pass


def _install(monkeypatch: pytest.MonkeyPatch, client: _Client | None) -> list[str]:
    """Put an SDK in place that connects to *client*, or to nothing; gives the list of targets it is asked for."""
    targets: list[str] = []

    async def connect(target: str) -> _Client:
        targets.append(target)
        if client is None:
            raise _XenonError("nobody answers")
        return client

    sdk, errors = types.ModuleType("pyxenon_core"), types.ModuleType("pyxenon_core.errors")
    monkeypatch.setattr(sdk, "connect", connect, raising=False)
    monkeypatch.setattr(errors, "XenonError", _XenonError, raising=False)
    monkeypatch.setitem(sys.modules, "pyxenon_core", sdk)
    monkeypatch.setitem(sys.modules, "pyxenon_core.errors", errors)
    return targets


def test_both_services_of_the_target_are_asked_and_the_client_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client(_Service([_FileSystem("tape")]), _Service([_FileSystem("abacus")]))
    targets = _install(monkeypatch, client)
    assert take_snapshot("grpc://localhost:1") == facts_text([_FileSystem("tape")], [_FileSystem("abacus")])
    assert targets == ["grpc://localhost:1"]
    assert client.closed


def test_a_target_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, None)
    with pytest.raises(TargetUnavailableError, match=r"cannot ask grpc://localhost:1 for its adaptors: nobody answers"):
        take_snapshot("grpc://localhost:1")
