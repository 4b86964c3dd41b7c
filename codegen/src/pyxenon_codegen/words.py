"""The documentation of the interface: read from TOML and checked entry by entry against the descriptor."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

from pyxenon_codegen.errors import CodegenError


@frozen
class RpcWords:
    """The words for a method: its effect, its result, and the names of the exceptions it raises."""

    doc: str
    returns: str
    raises: tuple[str, ...]


@frozen
class Words:
    """Documentation by dotted name (``PathRequest.path``, ``CopyRequest.CopyMode.CREATE``, ``FileSystemService``).

    ``removed`` says what to use instead of what earlier releases had.
    """

    texts: Mapping[str, str]
    rpcs: Mapping[str, RpcWords]
    removed: Mapping[str, str] = field(factory=dict)
    used: set[str] = field(default=Factory(set), eq=False)
    missing: list[str] = field(default=Factory(list), eq=False)

    def text(self, name: str) -> str:
        """Return the words for *name*; missing words are reported by :meth:`check`."""
        self.used.add(name)
        text = _paragraphs(self.texts.get(name, ""))
        if not text:
            self.missing.append(name)
        return text

    def rpc(self, name: str) -> RpcWords:
        """Return the words for the method ``Service.rpc``; missing words are reported by :meth:`check`."""
        self.used.add(name)
        words = self.rpcs.get(name)
        if words is None or not words.doc.strip():
            self.missing.append(name)
            return RpcWords("", "", ())
        return words

    def check(self, known_errors: Iterable[str] = ()) -> None:
        """Raise :class:`CodegenError` naming all missing words, words for what does not exist, and undefined exceptions."""
        orphans = sorted((set(self.texts) | set(self.rpcs)) - self.used)
        raised = {error for rpc in self.rpcs.values() for error in rpc.raises}
        complaints = [
            *(f"no word for {name}" for name in self.missing),
            *(f"a word for {name}, which the interface does not have; say under [removed] what to use instead" for name in orphans),
            *(f"{name} is under [removed], and the interface has it" for name in self.removed if name in self.used),
            *(f"the exception {name} is named by a method and defined nowhere" for name in sorted(raised - set(known_errors))),
        ]
        if complaints:
            raise CodegenError("protos/words.toml does not fit the interface:\n  " + "\n  ".join(complaints))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in a TOML file; raises :class:`CodegenError` naming the file if it cannot be read."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise CodegenError(f"cannot read {path}: {error}") from error


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Return the table in *text*; raises :class:`CodegenError` with its *name* if it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CodegenError(f"cannot read {name}: {error}") from error


def read_words(path: Path) -> Words:
    """Read ``words.toml``."""
    table = read_toml(path)
    texts: dict[str, str] = {}
    rpcs: dict[str, RpcWords] = {}
    for name, service in table.get("services", {}).items():
        texts[name] = service.get("doc", "")
        rpcs.update({f"{name}.{rpc}": _rpc_words(path, f"{name}.{rpc}", words) for rpc, words in service.get("rpcs", {}).items()})
    for name, message in table.get("messages", {}).items():
        texts[name] = message.get("doc", "")
        members = {**message.get("fields", {}), **message.get("oneofs", {})}
        texts.update({f"{name}.{member}": text for member, text in members.items()})
    for name, enum in table.get("enums", {}).items():
        texts[name] = enum.get("doc", "")
        texts.update({f"{name}.{value}": text for value, text in enum.get("values", {}).items()})
    return Words(texts, rpcs, table.get("removed", {}))


def _rpc_words(path: Path, name: str, words: Mapping[str, Any]) -> RpcWords:
    missing = {"doc", "returns", "raises"} - set(words)
    if missing:
        raise CodegenError(f"{path} does not say of {name}: {', '.join(sorted(missing))}")
    return RpcWords(_paragraphs(words["doc"]), _paragraphs(words["returns"]), tuple(words["raises"]))


def _paragraphs(text: str) -> str:
    """Return *text* with each paragraph on one line, to be wrapped where it is shown."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()
