"""Frozen views for the template: facts and words joined, all decisions made. The template only lays them out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile
from string import ascii_lowercase, digits

from pyxenon_adaptor_docs.compare import ORDERS, Difference, adaptor_differences
from pyxenon_adaptor_docs.facts import KINDS, Facts
from pyxenon_adaptor_docs.rst import escape, heading, literal, simple_table, wrap
from pyxenon_adaptor_docs.servers import SERVERS, JoinedAdaptor, join
from pyxenon_adaptor_docs.values import shown_default
from pyxenon_adaptor_docs.words import AdaptorWords, FlagWords, Words

_KIND_TITLES = {"filesystems": "File systems", "schedulers": "Schedulers"}


@dataclass(frozen=True)
class TermView:
    """A term and its definition, both as reStructuredText."""

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
class CapabilityView:
    """A row of a capability table: a title, yes or no for each server that has the adaptor, and what that means."""

    title: str
    values: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class AdaptorView:
    """The section of one adaptor. ``example`` and ``prints`` are program and output; all else is reStructuredText.

    ``prefix`` is empty when names have none in common. ``differences`` are those that the facts show.
    """

    label: str
    name: str
    heading: str
    about: str
    servers: tuple[str, ...]
    prefix: str
    locations: tuple[TermView, ...]
    credentials: tuple[TermView, ...]
    properties: tuple[PropertyView, ...]
    capabilities: tuple[CapabilityView, ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    embedded: tuple[str, ...]
    java: tuple[str, ...]
    example: str
    prints: str
    runs: str
    fails: tuple[str, ...]


@dataclass(frozen=True)
class KindView:
    """The chapter on file systems or on schedulers; ``comparison`` is a table with a column for each adaptor."""

    title: str
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


def page_view(facts: Mapping[str, Facts], words: Words) -> PageView:
    """Return everything that the template reads. *words* must fit *facts*, as :func:`~pyxenon_adaptor_docs.words.load_words` ensures."""
    adaptors = {kind: join(facts, kind) for kind in KINDS}
    everyone = [adaptor for kind in KINDS for adaptor in adaptors[kind]]
    types = sorted({found.type for each in everyone for name in each.properties for found in each.property(name).values()})
    terms = tuple(TermView(words.types[name].title, wrap(words.types[name].means, 4)) for name in types)
    return PageView(heading("Adaptors", "="), terms, tuple(_kind_view(kind, adaptors[kind], words) for kind in KINDS))


def credential_keyword(type_name: str) -> str:
    """Return the argument of ``create`` for a credential of *type_name*: ``PasswordCredential`` → ``password_credential``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).lower()


def common_prefix(names: Sequence[str]) -> str:
    """Return the leading dotted parts that all *names* share, with the final dot, or an empty string. The last part never counts.

    Property names are long; a table without their common prefix has room for descriptions.
    """
    parts = [name.split(".")[:-1] for name in names]
    shared = takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False))
    return "".join(f"{column[0]}." for column in shared)


def _kind_view(kind: str, adaptors: tuple[JoinedAdaptor, ...], words: Words) -> KindView:
    about = words.kinds[kind]
    prefix = common_prefix([name for adaptor in adaptors for name in adaptor.properties])
    return KindView(
        title=_KIND_TITLES[kind],
        heading=heading(_KIND_TITLES[kind], "-"),
        about=wrap(about.about),
        embedded=_items(about.embedded),
        java=_items(about.java),
        comparison=_comparison(adaptors, words.flags[kind]),
        adaptors=tuple(_adaptor_view(adaptor, kind, prefix, words) for adaptor in adaptors),
    )


def _items(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(wrap(text, 2) for text in texts)


def _target(server: str) -> str:
    return literal(f"{server}:")


def _and(items: Sequence[str]) -> str:
    return " and ".join(items)


def _comparison(adaptors: tuple[JoinedAdaptor, ...], flags: Mapping[str, FlagWords]) -> str:
    if not adaptors:
        return ""
    credentials = dict.fromkeys(name for adaptor in adaptors for name in adaptor.credentials)
    rows = [[f"With the target {_target(server)}", *(_yes_or_no(server in adaptor.facts) for adaptor in adaptors)] for server in SERVERS]
    for name in credentials:
        takers = [{server: name in facts.credentials for server, facts in adaptor.facts.items()} for adaptor in adaptors]
        rows.append([f"Takes a {literal(name)}", *map(_summary, takers)])
    rows += [[words.title, *(_summary(adaptor.flag(name)) for adaptor in adaptors)] for name, words in flags.items()]
    return simple_table(["Capability", *(escape(adaptor.name) for adaptor in adaptors)], rows)


def _summary(values: Mapping[str, bool]) -> str:
    """Return yes, no, or the servers for which the answer is yes."""
    if len(set(values.values())) < 2:
        return _yes_or_no(any(values.values()))
    return _and([_target(server) for server, value in values.items() if value])


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _adaptor_view(adaptor: JoinedAdaptor, kind: str, prefix: str, words: Words) -> AdaptorView:
    about = words.adaptors[kind][adaptor.name]
    return AdaptorView(
        label=f"{kind}-{_label(adaptor.name)}",
        name=escape(adaptor.name),
        heading=heading(f"{escape(adaptor.name)}: {about.title}", "~"),
        about=wrap(about.about),
        servers=tuple(_target(server) for server in adaptor.facts),
        prefix=literal(prefix) if prefix else "",
        locations=tuple(_location_view(form, adaptor, about, words) for form in adaptor.locations),
        credentials=tuple(_credential_view(name, adaptor, words) for name in adaptor.credentials),
        properties=tuple(_property_view(name, adaptor, prefix, words) for name in adaptor.properties),
        capabilities=tuple(_capability_view(name, adaptor, words.flags[kind][name]) for name in adaptor.flags),
        differences=_differences(adaptor, words.flags[kind]),
        notes=_items(about.notes),
        embedded=_items(about.embedded),
        java=_items(about.java),
        example=about.example.strip("\n"),
        prints=about.prints.strip("\n"),
        runs=_and([_target(server) for server in adaptor.facts if server not in about.fails]),
        fails=tuple(_failure(server, error) for server, error in about.fails.items()),
    )


def _label(name: str) -> str:
    """Return the name as a part of a link target, unique although targets may only contain lower-case letters and digits."""
    return "".join(each if each in ascii_lowercase or each in digits else f"-{ord(each):x}-" for each in name)


def _failure(server: str, error: str) -> str:
    return wrap(
        f"With the target {_target(server)}, as tested, it ends with the error {literal(error)}; the notes on that target say when."
    )


def _only(has: Collection[str], adaptor: JoinedAdaptor) -> str:
    """Return a short sentence naming the servers that have something of *adaptor*; empty if all have it."""
    return "" if len(has) == len(adaptor.facts) else f"{_and([_target(server) for server in has])} only. "


def _location_view(form: str, adaptor: JoinedAdaptor, about: AdaptorWords, words: Words) -> TermView:
    only = _only([server for server, facts in adaptor.facts.items() if form in facts.locations], adaptor)
    return TermView(literal(form), wrap(f"{only}{words.locations[form]} Example: {literal(repr(about.locations[form]))}", 4))


def _credential_view(name: str, adaptor: JoinedAdaptor, words: Words) -> TermView:
    only = _only([server for server, facts in adaptor.facts.items() if name in facts.credentials], adaptor)
    return TermView(literal(name), wrap(f"{only}{words.credentials[name]} Argument: {literal(credential_keyword(name) + '=')}", 4))


def _property_view(name: str, adaptor: JoinedAdaptor, prefix: str, words: Words) -> PropertyView:
    about, found = words.properties[name], adaptor.property(name)
    return PropertyView(
        name=literal(name[len(prefix) :]),
        type=_for_each({server: words.types[each.type].title for server, each in found.items()}),
        default=_for_each({server: shown_default(each, about.unit) for server, each in found.items()}),
        text=wrap(f"{_only(found, adaptor)}{about.does} Default: {about.default}", 8),
    )


def _for_each(values: Mapping[str, str]) -> str:
    """Return the value that all servers have in common, or each server's own."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} ({_target(server)})" for server, value in values.items())


def _capability_view(name: str, adaptor: JoinedAdaptor, flag: FlagWords) -> CapabilityView:
    values = adaptor.flag(name)
    meanings = {server: flag.yes if value else flag.no for server, value in values.items()}
    alike = len(set(values.values())) == 1
    texts = list(meanings.values())[:1] if alike else [f"{_target(server)} {text}" for server, text in meanings.items()]
    shown = tuple(_yes_or_no(values[server]) if server in values else "unknown" for server in adaptor.facts)
    return CapabilityView(flag.title, shown, wrap(" ".join(texts), 8))


def _differences(adaptor: JoinedAdaptor, flags: Mapping[str, FlagWords]) -> tuple[str, ...]:
    lines = []
    for one, other in combinations(adaptor.facts, 2):
        found = [each for each in adaptor_differences(adaptor.facts[one], adaptor.facts[other]) if each.aspect not in ORDERS]
        lines += [_difference(each, _target(one), _target(other), flags) for each in found]
    return tuple(wrap(f"{line[0].upper()}{line[1:]}.", 2) for line in lines)


def _difference(found: Difference, one: str, other: str, flags: Mapping[str, FlagWords]) -> str:
    if found.aspect == "flag" and found.first and found.second:
        return f"“{flags[found.name].title}” is {_spelt(found.first)} with {one}, and {_spelt(found.second)} with {other}"
    return found.tell(one, other, literal)


def _spelt(value: str) -> str:
    return _yes_or_no(value == "true")
