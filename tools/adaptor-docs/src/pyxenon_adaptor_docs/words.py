"""Our own words about the adaptors in ``protos/adaptors.toml``, and the check that they fit the facts one to one.

Words are inline reStructuredText, so that ``literals`` work in them. Every fact needs words and all words need a fact; missing and
left-over ones are errors. Words for facts of another release are named in the list ``absent``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyxenon_adaptor_docs.errors import WordsError
from pyxenon_adaptor_docs.facts import KINDS, Facts
from pyxenon_adaptor_docs.servers import JoinedAdaptor, join
from pyxenon_adaptor_docs.values import needs_unit


@dataclass(frozen=True)
class KindWords:
    """Words about all file systems or all schedulers: paragraphs, and notes for the target ``embedded:`` or ``java:`` alone."""

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
    """The effect of a property, the unit of its number (empty without one), and the meaning of its default.

    ``default_value`` is the default that the words were written for, by server; the key is empty if all have the same.
    """

    does: str
    unit: str
    default_value: Mapping[str, str]
    default: str


@dataclass(frozen=True)
class AdaptorWords:
    """Words about one adaptor. ``locations`` has an example for each form.

    ``example`` is a program in Python and ``prints`` its whole output; ``fails`` has, for each server on which it cannot run, what its
    error says.
    """

    title: str
    about: str
    notes: tuple[str, ...]
    embedded: tuple[str, ...]
    java: tuple[str, ...]
    locations: Mapping[str, str]
    example: str
    prints: str
    fails: Mapping[str, str]


@dataclass(frozen=True)
class Words:
    """Everything in the file. The keys of ``kinds``, ``flags`` and ``adaptors`` are those of :data:`pyxenon_adaptor_docs.facts.KINDS`."""

    kinds: Mapping[str, KindWords]
    types: Mapping[str, TypeWords]
    credentials: Mapping[str, str]
    locations: Mapping[str, str]
    flags: Mapping[str, Mapping[str, FlagWords]]
    properties: Mapping[str, PropertyWords]
    adaptors: Mapping[str, Mapping[str, AdaptorWords]]


def load_words(path: Path, facts: Mapping[str, Facts]) -> Words:
    """Read the TOML file at *path* and check it against *facts*.

    *facts* has the facts of each server by name (:data:`pyxenon_adaptor_docs.servers.SERVERS`).

    Raises :class:`~pyxenon_adaptor_docs.errors.WordsError`, naming every problem at once, when the file cannot be read or is not TOML, when
    a word is missing, empty, left over or of the wrong type, and when a property's words were written for another default.
    """
    try:
        return parse_words(path.read_text("utf-8"), facts, str(path))
    except OSError as error:
        raise WordsError(str(path), [f"the file cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise WordsError(str(path), [f"the file is not UTF-8: {error}"]) from error


def parse_words(text: str, facts: Mapping[str, Facts], source: str) -> Words:
    """Parse *text* as :func:`load_words` does; *source* names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WordsError(source, [f"it is not TOML: {error}"]) from error
    fit = _Fit()
    root = _Section("", data, fit.problems)
    absent = root.texts("absent") if "absent" in data else ()
    words = _words(root)
    _hold_against(words, facts, fit)
    fit.excuse(absent)
    if fit.problems or fit.missing or fit.left_over:
        raise WordsError(source, fit.problems, fit.missing, fit.left_over)
    return words


@dataclass
class _Fit:
    """The problems found so far. Names are as spelt in the file: ``filesystems."sftp"``."""

    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    def compare(self, where: str, words: Collection[str], facts: Collection[str]) -> None:
        """Record the *facts* without *words* and the *words* without *facts*."""
        self.missing += [f'{where}."{name}"' for name in sorted(set(facts) - set(words))]
        self.left_over += [f'{where}."{name}"' for name in sorted(set(words) - set(facts))]

    def excuse(self, absent: Collection[str]) -> None:
        """Accept words without facts that *absent* names; such words must exist, and their facts must not."""
        self.problems += [f"absent names {name}, which has facts, or no words" for name in absent if name not in self.left_over]
        self.left_over = [name for name in self.left_over if name not in absent]


@dataclass
class _Section:
    """A table of the file, read key by key; :meth:`end` reports unknown keys. A problem never stops the reading."""

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

    def text_or(self, key: str, default: str) -> str:
        return self.text(key) if key in self.values else default

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
        self.problems += [f"{self.name(key)} is a word for nothing that this tool knows" for key in self.values if key not in self.asked]


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
    words = PropertyWords(section.text("does"), section.text_or("unit", ""), _default_value(section), section.text("default"))
    section.end()
    return words


def _default_value(section: _Section) -> dict[str, str]:
    if isinstance(section.values.get("default_value"), dict):
        return section.section("default_value").mapping(may_be_empty=True)
    return {"": section.text("default_value", may_be_empty=True)}


def _adaptor(section: _Section) -> AdaptorWords:
    words = AdaptorWords(
        title=section.text("title"),
        about=section.text("about"),
        notes=section.texts("notes"),
        embedded=section.texts("embedded"),
        java=section.texts("java"),
        locations=section.section("locations").mapping(may_be_empty=True),
        example=section.text("example"),
        prints=section.text("prints"),
        fails=section.section("fails").mapping() if "fails" in section.values else {},
    )
    section.end()
    return words


def _hold_against(words: Words, facts: Mapping[str, Facts], fit: _Fit) -> None:
    adaptors = {kind: join(facts, kind) for kind in KINDS}
    everyone = [adaptor for kind in KINDS for adaptor in adaptors[kind]]
    fit.compare(
        "types", words.types, {found.type for each in everyone for name in each.properties for found in each.property(name).values()}
    )
    fit.compare("credentials", words.credentials, {name for each in everyone for name in each.credentials})
    fit.compare("locations", words.locations, {form for each in everyone for form in each.locations})
    fit.compare("properties", words.properties, {name for each in everyone for name in each.properties})
    for kind in KINDS:
        fit.compare(f"flags.{kind}", words.flags[kind], {name for each in adaptors[kind] for name in each.flags})
        fit.compare(kind, words.adaptors[kind], {each.name for each in adaptors[kind]})
        for each in adaptors[kind]:
            if each.name in words.adaptors[kind]:
                fit.compare(f"{kind}.{each.name}.locations", words.adaptors[kind][each.name].locations, each.locations)
                fit.problems += _misplaced(f"{kind}.{each.name}", words.adaptors[kind][each.name], each)
            fit.problems += [problem for name in each.properties for problem in _outdated(words, each, name)]
    fit.problems[:] = dict.fromkeys(fit.problems)  # several adaptors have the same property


def _outdated(words: Words, adaptor: JoinedAdaptor, name: str) -> Iterator[str]:
    about = words.properties.get(name)
    if about is None:
        return
    for server, each in adaptor.property(name).items():
        expected = about.default_value.get("", about.default_value.get(server))
        if expected != each.default_value:
            told = f"speaks of the default {expected!r}, but {server}: has {each.default_value!r}; review its words"
            yield f'properties."{name}" {told}'
        if needs_unit(each) and not about.unit:
            yield f'properties."{name}".unit is missing: it is a time, told as a number'


def _misplaced(where: str, words: AdaptorWords, adaptor: JoinedAdaptor) -> Iterator[str]:
    for server, texts in {"embedded": words.embedded, "java": words.java}.items():
        if texts and server not in adaptor.facts:
            yield f"{where}.{server} has notes, and {server}: does not have the adaptor"
    for server in words.fails:
        if server not in adaptor.facts:
            yield f"{where}.fails names {server!r}, and {server}: does not have the adaptor"
