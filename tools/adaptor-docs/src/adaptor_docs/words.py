"""Our own words about the adaptors, as ``protos/adaptors.toml`` holds them, and the check that they fit the facts one to one.

Words are inline reStructuredText, so that ``literals`` work in them. Every fact needs its words and every word its fact: a missing or an
orphaned one is an error that names it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adaptor_docs.errors import WordsError
from adaptor_docs.facts import KINDS, AdaptorFacts, Facts

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class KindWords:
    """About all file systems, or all schedulers: paragraphs, and notes that hold for the target ``embedded:`` or ``java:`` alone."""

    about: str
    embedded: tuple[str, ...]
    java: tuple[str, ...]


@dataclass(frozen=True)
class FlagWords:
    """A flag's short title, and a sentence for each of its two values."""

    title: str
    yes: str
    no: str


@dataclass(frozen=True)
class TypeWords:
    """A property type's title, and how its values are written."""

    title: str
    means: str


@dataclass(frozen=True)
class PropertyWords:
    """What a property does, with its unit, and what leaving it alone means. ``default_value`` is the default the words were written for."""

    does: str
    default_value: str
    default: str


@dataclass(frozen=True)
class AdaptorWords:
    """About one adaptor. ``servers`` are the targets that have it, ``locations`` has an example for each form; ``example`` is Python."""

    title: str
    about: str
    servers: tuple[str, ...]
    notes: tuple[str, ...]
    embedded: tuple[str, ...]
    java: tuple[str, ...]
    locations: Mapping[str, str]
    example: str


@dataclass(frozen=True)
class Words:
    """Everything in the file. The keys of ``kinds``, ``flags`` and ``adaptors`` are those of :data:`adaptor_docs.facts.KINDS`."""

    kinds: Mapping[str, KindWords]
    types: Mapping[str, TypeWords]
    credentials: Mapping[str, str]
    locations: Mapping[str, str]
    flags: Mapping[str, Mapping[str, FlagWords]]
    properties: Mapping[str, PropertyWords]
    adaptors: Mapping[str, Mapping[str, AdaptorWords]]


def load_words(path: Path, facts: Facts) -> Words:
    """Read the TOML file at *path* and hold it against *facts*.

    Raises :class:`~adaptor_docs.errors.WordsError`, naming every problem at once, when the file cannot be read or is not TOML, when a
    word is missing, empty, orphaned or of the wrong type, and when a property's words were written for another default.
    """
    try:
        return parse_words(path.read_text("utf-8"), facts, str(path))
    except OSError as error:
        raise WordsError(str(path), [f"the file cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise WordsError(str(path), [f"the file is not UTF-8: {error}"]) from error


def parse_words(text: str, facts: Facts, source: str) -> Words:
    """Parse *text* as :func:`load_words` does; *source* names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WordsError(source, [f"it is not TOML: {error}"]) from error
    problems: list[str] = []
    words = _words(_Section("", data, problems))
    problems += _mismatches(words, facts)
    if problems:
        raise WordsError(source, problems)
    return words


@dataclass
class _Section:
    """A table of the file, read key by key; what nobody asked for is reported by :meth:`end`. A problem never stops the reading."""

    where: str
    values: Mapping[str, object]
    problems: list[str]
    asked: set[str] = field(default_factory=set)

    def name(self, key: str) -> str:
        quoted = key if key.replace("_", "").isalnum() else f'"{key}"'
        return f"{self.where}.{quoted}" if self.where else quoted

    def get(self, key: str) -> object:
        self.asked.add(key)
        if key not in self.values:
            self.problems.append(f"{self.name(key)} is missing")
        return self.values.get(key)

    def text(self, key: str, may_be_empty: bool = False) -> str:
        value = self.get(key)
        if isinstance(value, str) and (value.strip() or may_be_empty):
            return value
        if value is not None:
            self.problems.append(f"{self.name(key)} must be text" + ("" if may_be_empty else ", and not empty"))
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key)
        if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
            return tuple(value)
        if value is not None:
            self.problems.append(f"{self.name(key)} must be a list of texts, none empty")
        return ()

    def section(self, key: str) -> _Section:
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            self.problems.append(f"{self.name(key)} must be a table")
        return _Section(self.name(key), value if isinstance(value, dict) else {}, self.problems)

    def sections(self) -> Iterator[tuple[str, _Section]]:
        return ((key, self.section(key)) for key in self.values)

    def mapping(self, may_be_empty: bool = False) -> dict[str, str]:
        return {key: self.text(key, may_be_empty) for key in self.values}

    def end(self) -> None:
        self.problems += [f"{self.name(key)} is a word for nothing this tool knows" for key in self.values if key not in self.asked]


def _words(root: _Section) -> Words:
    kinds, flags = root.section("kinds"), root.section("flags")
    words = Words(
        kinds={kind: _kind(kinds.section(kind)) for kind in KINDS},
        types={name: _type(section) for name, section in root.section("types").sections()},
        credentials=root.section("credentials").mapping(),
        locations=root.section("locations").mapping(),
        flags={kind: {name: _flag(section) for name, section in flags.section(kind).sections()} for kind in KINDS},
        properties={name: _property(section) for name, section in root.section("properties").sections()},
        adaptors={kind: {name: _adaptor(section) for name, section in root.section(kind).sections()} for kind in KINDS},
    )
    for section in (kinds, flags, root):
        section.end()
    return words


def _kind(section: _Section) -> KindWords:
    words = KindWords(section.text("about"), section.texts("embedded"), section.texts("java"))
    section.end()
    return words


def _type(section: _Section) -> TypeWords:
    words = TypeWords(section.text("title"), section.text("means"))
    section.end()
    return words


def _flag(section: _Section) -> FlagWords:
    words = FlagWords(section.text("title"), section.text("yes"), section.text("no"))
    section.end()
    return words


def _property(section: _Section) -> PropertyWords:
    words = PropertyWords(section.text("does"), section.text("default_value", may_be_empty=True), section.text("default"))
    section.end()
    return words


def _adaptor(section: _Section) -> AdaptorWords:
    words = AdaptorWords(
        title=section.text("title"),
        about=section.text("about"),
        servers=section.texts("servers"),
        notes=section.texts("notes"),
        embedded=section.texts("embedded"),
        java=section.texts("java"),
        locations=section.section("locations").mapping(may_be_empty=True),
        example=section.text("example"),
    )
    section.end()
    return words


def _mismatches(words: Words, facts: Facts) -> Iterator[str]:
    everyone = [adaptor for kind in KINDS for adaptor in facts.of(kind)]
    properties = [each for adaptor in everyone for each in adaptor.properties]
    yield from _compare("types", words.types, {each.type for each in properties})
    yield from _compare("credentials", words.credentials, {name for adaptor in everyone for name in adaptor.credentials})
    yield from _compare("locations", words.locations, {form for adaptor in everyone for form in adaptor.locations})
    yield from _compare("properties", words.properties, {each.name for each in properties})
    for kind in KINDS:
        yield from _compare(f"flags.{kind}", words.flags[kind], {name for adaptor in facts.of(kind) for name in adaptor.flags})
        yield from _compare(kind, words.adaptors[kind], {adaptor.name for adaptor in facts.of(kind)})
        for adaptor in facts.of(kind):
            yield from _adaptor_mismatches(words, kind, adaptor)


def _adaptor_mismatches(words: Words, kind: str, adaptor: AdaptorFacts) -> Iterator[str]:
    if adaptor.name in words.adaptors[kind]:
        yield from _compare(f"{kind}.{adaptor.name}.locations", words.adaptors[kind][adaptor.name].locations, set(adaptor.locations))
        yield from _misplaced_notes(f"{kind}.{adaptor.name}", words.adaptors[kind][adaptor.name])
    for each in adaptor.properties:
        about = words.properties.get(each.name)
        if about is not None and about.default_value != each.default_value:
            yield (
                f'properties."{each.name}" speaks of the default {about.default_value!r}, '
                f"but {adaptor.name} has {each.default_value!r}; look at its words again"
            )


def _misplaced_notes(where: str, words: AdaptorWords) -> Iterator[str]:
    notes = {"embedded": words.embedded, "java": words.java}
    for server in words.servers:
        if server not in notes:
            yield f"{where}.servers names {server!r}; there are {', '.join(notes)}"
    for server, texts in notes.items():
        if texts and server not in words.servers:
            yield f"{where}.{server} has notes, and {where}.servers does not name {server!r}"


def _compare(where: str, words: Collection[str], facts: set[str]) -> Iterator[str]:
    for name in sorted(facts - set(words)):
        yield f'{where}."{name}" is missing: the adaptors have it, and nothing here says what it is'
    for name in sorted(set(words) - facts):
        yield f'{where}."{name}" is orphaned: no adaptor has it any more'
