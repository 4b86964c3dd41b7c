"""Fit ``words.toml`` to another release of the interface, and write it in the order of the interface."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from pyxenon_codegen import toml_text
from pyxenon_codegen.words import read_toml

REMOVED = "removed"
Place: TypeAlias = tuple[str, ...]
_RULE = f"# {'-' * 93}"
_RPC_WORDS = {"doc": "", "returns": "", "raises": []}
_REMOVED_DOC = "# Names of earlier releases of xenon-grpc, and their replacements. Programs that use one get this as an error message.\n"


@frozen
class WordsFile:
    """A TOML file: the comment at its top, and its tables."""

    comment: str
    tables: Mapping[str, Any]


@frozen
class FittedWords:
    """Words for another interface: *missing* ones have no text; for the *lost* parts of the interface, ``removed`` needs an entry."""

    file: WordsFile
    missing: tuple[Place, ...]
    lost: tuple[str, ...]


def read_words_file(path: Path) -> WordsFile:
    """Read the file at *path*; an absent one is empty. Raises :class:`CodegenError` if it cannot be read."""
    if not path.exists():
        return WordsFile("", {})
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return WordsFile("".join(lines[:end]), read_toml(path))


def places(file: FileDescriptorProto) -> list[Place]:
    """Return the places of the words for everything in *file*, in the order of the file; an RPC has a table of its own."""
    return list(_places(file))


def name_of(place: Place) -> str:
    """Return the dotted name of a place: ``JobDescription.tasks``, ``SchedulerService.getQueueNames``."""
    return place[1] if place[2] == "doc" else ".".join(place[1:2] + place[3:])


def fit_words(words: WordsFile, more: WordsFile, file: FileDescriptorProto) -> FittedWords:
    """Return the *words* for exactly the interface in *file*; entries of *more* take precedence."""
    wanted = places(file)
    names = {name_of(place) for place in wanted}
    tables: dict[str, Any] = {}
    missing = []
    for place in wanted:
        word = _look_up(more.tables, place) or _look_up(words.tables, place)
        if _is_missing(word):
            missing.append(place)
        _put(tables, place, copy.deepcopy(word if word is not None else _RPC_WORDS if len(place) == 4 and place[2] == "rpcs" else ""))
    removed = {**words.tables.get(REMOVED, {}), **more.tables.get(REMOVED, {})}
    lost = [name for name in _lost(words.tables, wanted) if not removed.get(name)]
    tables[REMOVED] = {name: text for name, text in sorted(removed.items()) if name not in names and (text or name in lost)}
    return FittedWords(WordsFile(words.comment, tables), tuple(missing), tuple(lost))


def words_text(words: WordsFile, file: FileDescriptorProto) -> str:
    """Return the text of the file in the order of the interface; words for anything else are kept at the end of their part."""
    blocks = [words.comment.rstrip("\n")]
    services = words.tables.get("services", {})
    for name in _ordered(services, [service.name for service in file.service]):
        rpcs = [rpc.name for service in file.service if service.name == name for rpc in service.method]
        blocks += [_title(name), _service(name, services[name], rpcs)]
    messages = {message.name: message for message in file.message_type}
    tables, enums = words.tables.get("messages", {}), words.tables.get("enums", {})
    blocks += _part(
        "Messages, in the order of the proto",
        [_message(name, tables[name], messages.get(name)) for name in _ordered(tables, list(messages))],
    )
    blocks += _part("Enums", [_enum(name, enums[name], file) for name in _ordered(enums, list(_enums(file)))])
    removed = words.tables.get(REMOVED)
    blocks += _part(
        "Removed",
        ["\n".join([_REMOVED_DOC + toml_text.header([REMOVED]), *toml_text.entries(dict(sorted(removed.items())))])] if removed else [],
    )
    return "\n\n".join(blocks) + "\n"


def _places(file: FileDescriptorProto) -> Iterator[Place]:
    for service in file.service:
        yield ("services", service.name, "doc")
        yield from (("services", service.name, "rpcs", rpc.name) for rpc in service.method)
    for message in file.message_type:
        yield ("messages", message.name, "doc")
        yield from (("messages", message.name, "fields", field.name) for field in message.field)
        yield from (("messages", message.name, "oneofs", name) for name in _oneofs(message))
    for name, values in _enums(file).items():
        yield ("enums", name, "doc")
        yield from (("enums", name, "values", value) for value in values)


def _oneofs(message: DescriptorProto) -> list[str]:
    used = {field.oneof_index for field in message.field if field.HasField("oneof_index") and not field.proto3_optional}
    return [oneof.name for index, oneof in enumerate(message.oneof_decl) if index in used]


def _enums(file: FileDescriptorProto) -> dict[str, list[str]]:
    nested = [(f"{message.name}.{enum.name}", enum) for message in file.message_type for enum in message.enum_type]
    every = [*nested, *((enum.name, enum) for enum in file.enum_type)]
    return {name: [value.name for value in enum.value] for name, enum in every}


def _look_up(tables: Mapping[str, Any], place: Place) -> Any:
    found: Any = tables
    for key in place:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _put(tables: dict[str, Any], place: Place, word: Any) -> None:
    for key in place[:-1]:
        tables = tables.setdefault(key, {})
    tables[place[-1]] = word


def _is_missing(word: Any) -> bool:
    return not str(word.get("doc", "") if isinstance(word, Mapping) else word or "").strip()


def _lost(tables: Mapping[str, Any], wanted: list[Place]) -> list[str]:
    """Return the names of removed RPCs, fields and values whose owner still exists, and of removed services."""
    owners = {place[:2] for place in wanted}
    kept = set(wanted)
    lost: list[str] = []
    for part, members in (("services", "rpcs"), ("messages", "fields"), ("enums", "values")):
        for owner, table in tables.get(part, {}).items():
            if (part, owner) in owners:
                lost += [f"{owner}.{name}" for name in table.get(members, {}) if (part, owner, members, name) not in kept]
            elif part == "services":
                lost.append(owner)
    return lost


def _ordered(tables: Mapping[str, Any], order: list[str]) -> list[str]:
    return [name for name in order if name in tables] + [name for name in tables if name not in order]


def _title(text: str) -> str:
    return f"{_RULE}\n# {text}\n{_RULE}"


def _part(title: str, blocks: list[str]) -> list[str]:
    return [_title(title), *blocks] if blocks else []


def _service(name: str, table: Mapping[str, Any], order: list[str]) -> str:
    blocks = _doc(["services", name], table)
    rpcs = table.get("rpcs", {})
    for rpc in _ordered(rpcs, order):
        blocks.append(_block(["services", name, "rpcs", rpc], {each: rpcs[rpc][each] for each in _ordered(rpcs[rpc], list(_RPC_WORDS))}))
    return "\n\n".join(blocks)


def _message(name: str, table: Mapping[str, Any], message: DescriptorProto | None) -> str:
    blocks = _doc(["messages", name], table)
    order = {
        "fields": [field.name for field in message.field] if message else [],
        "oneofs": _oneofs(message) if message else [],
    }
    for part, names in order.items():
        members = table.get(part, {})
        if members:
            blocks.append(_block(["messages", name, part], {each: members[each] for each in _ordered(members, names)}))
    return "\n".join(blocks)


def _enum(name: str, table: Mapping[str, Any], file: FileDescriptorProto) -> str:
    values = table.get("values", {})
    ordered = {each: values[each] for each in _ordered(values, _enums(file).get(name, []))}
    return "\n".join([*_doc(["enums", name], table), _block(["enums", name, "values"], ordered)])


def _doc(path: list[str], table: Mapping[str, Any]) -> list[str]:
    return [_block(path, {"doc": table["doc"]})] if "doc" in table else []


def _block(path: list[str], table: Mapping[str, Any]) -> str:
    return "\n".join([toml_text.header(path), *toml_text.entries(table)])
