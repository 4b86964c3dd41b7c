"""Facts and words in, the page out. Every decision is made here, in frozen views; the template only lays them out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import jinja2

from adaptor_docs.facts import KINDS, AdaptorFacts, Facts, load_facts
from adaptor_docs.rst import escape, heading, literal, simple_table, wrap
from adaptor_docs.words import FlagWords, Words, load_words

TEMPLATE = "adaptors.rst.j2"
_SERVERS = ("embedded", "java")
_KIND_TITLES = {"filesystems": "File systems", "schedulers": "Schedulers"}


@dataclass(frozen=True)
class TermView:
    """A term and what is said of it, both as reStructuredText."""

    term: str
    text: str


@dataclass(frozen=True)
class PropertyView:
    """A row of a properties table: the cells as reStructuredText, ``name`` without the chapter's prefix, ``text`` in filled lines."""

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True)
class AdaptorView:
    """The section of one adaptor. ``example`` is Python; all else is reStructuredText, ``prefix`` empty when names have none in common."""

    heading: str
    about: str
    prefix: str
    locations: tuple[TermView, ...]
    credentials: tuple[TermView, ...]
    properties: tuple[PropertyView, ...]
    capabilities: tuple[str, ...]
    servers: str
    notes: tuple[str, ...]
    embedded: tuple[str, ...]
    java: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class KindView:
    """The chapter on file systems or on schedulers; ``comparison`` is a table with one row a flag and one column an adaptor."""

    heading: str
    about: str
    embedded: tuple[str, ...]
    java: tuple[str, ...]
    comparison: str
    adaptors: tuple[AdaptorView, ...]


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    title: str
    types: tuple[TermView, ...]
    kinds: tuple[KindView, ...]


def render(facts_path: Path, words_path: Path, template_dir: Path) -> str:
    """The page about the adaptors, as reStructuredText ending in a newline: the same files always give the same text.

    *facts_path* is an ``adaptors.json``, *words_path* an ``adaptors.toml``, and *template_dir* holds ``adaptors.rst.j2``. Raises
    :class:`~adaptor_docs.errors.FactsError`, :class:`~adaptor_docs.errors.WordsError`, or Jinja's own errors for a faulty template.
    """
    facts = load_facts(facts_path)
    words = load_words(words_path, facts)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the page is reStructuredText, which adaptor_docs.rst escapes; HTML's escapes would show in it
    )
    return environment.get_template(TEMPLATE).render(page=page_view(facts, words))


def page_view(facts: Facts, words: Words) -> PageView:
    """Everything that the template reads, decided. *words* must fit *facts*, as :func:`~adaptor_docs.words.load_words` sees to."""
    types = tuple(TermView(words.types[name].title, wrap(words.types[name].means, 4)) for name in _types(facts))
    return PageView(heading("Adaptors", "="), types, tuple(_kind_view(kind, facts, words) for kind in KINDS))


def credential_keyword(type_name: str) -> str:
    """The argument of ``create`` that takes a credential of *type_name*: ``PasswordCredential`` → ``password_credential``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).lower()


def common_prefix(names: Sequence[str]) -> str:
    """The leading dotted parts that all *names* share, with the final dot: empty for none. The last part of a name is never among them.

    Property names are long; without what they share, a table of them leaves room to say what they do.
    """
    parts = [name.split(".")[:-1] for name in names]
    shared = takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False))
    return "".join(f"{column[0]}." for column in shared)


def _types(facts: Facts) -> list[str]:
    return sorted({each.type for kind in KINDS for adaptor in facts.of(kind) for each in adaptor.properties})


def _kind_view(kind: str, facts: Facts, words: Words) -> KindView:
    about, adaptors = words.kinds[kind], facts.of(kind)
    prefix = common_prefix([each.name for adaptor in adaptors for each in adaptor.properties])
    return KindView(
        heading=heading(_KIND_TITLES[kind], "-"),
        about=wrap(about.about),
        embedded=tuple(wrap(note, 2) for note in about.embedded),
        java=tuple(wrap(note, 2) for note in about.java),
        comparison=_comparison(adaptors, words, kind),
        adaptors=tuple(_adaptor_view(adaptor, kind, prefix, words) for adaptor in adaptors),
    )


def _comparison(adaptors: tuple[AdaptorFacts, ...], words: Words, kind: str) -> str:
    if not adaptors:
        return ""
    flags, servers = words.flags[kind], [words.adaptors[kind][adaptor.name].servers for adaptor in adaptors]
    rows = [[f"With the target {literal(name + ':')}", *(_yes_or_no(name in each) for each in servers)] for name in _SERVERS]
    rows += [[flags[name].title, *(_yes_or_no(adaptor.flags[name]) for adaptor in adaptors)] for name in adaptors[0].flags]
    return simple_table(["Capability", *(escape(adaptor.name) for adaptor in adaptors)], rows)


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _adaptor_view(adaptor: AdaptorFacts, kind: str, prefix: str, words: Words) -> AdaptorView:
    about, flags = words.adaptors[kind][adaptor.name], words.flags[kind]
    return AdaptorView(
        heading=heading(f"{escape(adaptor.name)}: {about.title}", "~"),
        about=wrap(about.about),
        prefix=literal(prefix) if prefix else "",
        locations=tuple(_location_view(form, about.locations[form], words.locations[form]) for form in adaptor.locations),
        credentials=tuple(_credential_view(name, words.credentials[name]) for name in adaptor.credentials),
        properties=_property_views(adaptor, prefix, words),
        capabilities=tuple(_capability(flags[name], value) for name, value in adaptor.flags.items()),
        servers=", ".join(literal(f"{server}:") for server in about.servers),
        notes=tuple(wrap(note, 2) for note in about.notes),
        embedded=tuple(wrap(note, 2) for note in about.embedded),
        java=tuple(wrap(note, 2) for note in about.java),
        example=about.example.strip("\n"),
    )


def _location_view(form: str, example: str, means: str) -> TermView:
    return TermView(literal(form), wrap(f"{means} Example: {literal(repr(example))}", 4))


def _credential_view(name: str, means: str) -> TermView:
    return TermView(literal(name), wrap(f"{means} Argument: {literal(credential_keyword(name) + '=')}", 4))


def _capability(flag: FlagWords, value: bool) -> str:
    return wrap(f"{flag.title}: **{_yes_or_no(value)}**. {flag.yes if value else flag.no}", 2)


def _property_views(adaptor: AdaptorFacts, prefix: str, words: Words) -> tuple[PropertyView, ...]:
    views = []
    for each in adaptor.properties:
        about = words.properties[each.name]
        text = wrap(f"{about.does} Default: {about.default}", 8)
        views.append(PropertyView(literal(each.name[len(prefix) :]), words.types[each.type].title, literal(each.default_value), text))
    return tuple(views)
