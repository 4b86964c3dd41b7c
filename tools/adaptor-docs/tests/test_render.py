"""The page says what facts and words say, no more and no less, and is sound reStructuredText."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import jinja2
import pytest

from pyxenon_adaptor_docs.render import TEMPLATE, render
from pyxenon_adaptor_docs.views import common_prefix, credential_keyword

REPOSITORY = Path(__file__).parents[3]
TEMPLATES = REPOSITORY / "templates" / "docs"


@dataclass
class _Sources:
    facts: dict[str, Path]
    words: Path

    def render(self, templates: Path = TEMPLATES) -> str:
        return render(self.facts, self.words, templates)


@pytest.fixture
def sources(tmp_path: Path, facts_data: dict[str, Any], embedded_data: dict[str, Any], words_text: str) -> _Sources:
    return _sources(tmp_path, embedded_data, facts_data, words_text)


def _sources(folder: Path, embedded: dict[str, Any], java: dict[str, Any], words: str) -> _Sources:
    found = _Sources({name: folder / f"{name}.json" for name in ("embedded", "java")}, folder / "adaptors.toml")
    found.facts["embedded"].write_text(json.dumps(embedded), "utf-8")
    found.facts["java"].write_text(json.dumps(java), "utf-8")
    found.words.write_text(words, "utf-8")
    return found


def _parse(source: str) -> docutils.nodes.document:
    return docutils.core.publish_doctree(source, settings_overrides={"report_level": 1, "halt_level": 2, "input_encoding": "unicode"})


def _titles(document: docutils.nodes.document) -> list[str]:
    return [node.astext() for node in document.findall(docutils.nodes.title)]


def test_every_fact_and_word_is_on_the_page(sources: _Sources) -> None:
    text = _parse(sources.render()).astext()
    for said in (
        "tape: tapes in a robot",
        "robot[/shelf]",
        "'r2/7'",
        "password_credential=",
        "A password.",
        "size",
        "8\N{NO-BREAK SPACE}KiB",
        "How fast.",
    ):
        assert said in text
    for said in ("Default: slowly.", "Tapes are slow.", "Beads fall off.", "A trap of all file systems.", "print('tape')", "Bytes."):
        assert said in text
    for said in ("A treat of all file systems.", "Tapes are rewound.", "Servers: embedded:, java:", "Servers: java:"):
        assert said in text
    for said in (
        "embedded: and java: it prints:",
        "No tested server can run it.",
        "With the target java:, as tested, it ends with the error Beads fell off.;",
    ):
        assert said in text
    assert text.count("Both servers report the same locations, credentials, properties, defaults and capabilities for this adaptor.") == 1
    assert [said for said in ("It can append.", "It cannot append.", "It can rename.", "It cannot rename.") if said in text] == [
        "It can append.",
        "It cannot rename.",
    ]


def test_chapters_and_sections_follow_the_facts(sources: _Sources) -> None:
    assert _titles(_parse(sources.render())) == [
        "Adaptors",
        "Properties",
        "File systems",
        "tape: tapes in a robot",
        "Schedulers",
        "abacus: beads",
    ]


def test_the_comparison_has_a_column_for_each_adaptor(
    tmp_path: Path, facts_data: dict[str, Any], embedded_data: dict[str, Any], words_text: str
) -> None:
    facts_data["filesystems"].append({**facts_data["filesystems"][0], "name": "disk", "supports_rename": True})
    embedded_data["filesystems"][0].update(can_append=False, supported_credentials=[])
    tape = words_text[words_text.index("[filesystems.tape]") : words_text.index("[schedulers.abacus]")].replace("Tapes are rewound.", "")
    disk = tape.replace("tape", "disk").replace('embedded = [""]', "embedded = []")
    document = _parse(_sources(tmp_path, embedded_data, facts_data, words_text + disk).render())
    table = next(document.findall(docutils.nodes.table))
    assert [[cell.astext() for cell in row.findall(docutils.nodes.entry)] for row in table.findall(docutils.nodes.row)] == [
        ["Capability", "disk", "tape"],
        ["With the target embedded:", "no", "yes"],
        ["With the target java:", "yes", "yes"],
        ["Takes a PasswordCredential", "yes", "java:"],
        ["Appends", "yes", "java:"],
        ["Renames", "yes", "no"],
    ]


def test_what_differs_between_the_servers_is_told_where_it_differs(
    tmp_path: Path, facts_data: dict[str, Any], embedded_data: dict[str, Any], words_text: str
) -> None:
    tape = embedded_data["filesystems"][0]
    tape.update(supports_rename=True, supported_locations=[], supported_credentials=[])
    tape["supported_properties"][0]["default_value"] = "16384"
    tape["supported_properties"].append({"name": "x.filesystems.tape.colour", "type": "SIZE", "default_value": ""})
    words = words_text.replace('default_value = "8K"', 'default_value = { embedded = "16384", java = "8K" }')
    words += """[properties."x.filesystems.tape.colour"]\ndoes = "A colour."\ndefault_value = ""\ndefault = "none."\n"""
    document = _parse(_sources(tmp_path, embedded_data, facts_data, words).render())
    items = [node.astext() for node in document.findall(docutils.nodes.list_item)]
    for said in (
        "Only java: has the location robot[/shelf].",
        "Only java: has the credential PasswordCredential.",
        "“Renames” is yes with embedded:, and no with java:.",
        "Only embedded: has the property x.filesystems.tape.colour.",
        "The default of x.filesystems.tape.speed is 16384 with embedded:, and 8K with java:.",
    ):
        assert said in items
    rows = [[cell.astext() for cell in row.findall(docutils.nodes.entry)] for row in document.findall(docutils.nodes.row)]
    assert ["speed\n\nHow fast. Default: slowly.", "size", "16\N{NO-BREAK SPACE}KiB (embedded:), 8\N{NO-BREAK SPACE}KiB (java:)"] in rows
    assert ["colour\n\nembedded: only. A colour. Default: none.", "size", "(empty)"] in rows
    assert ["Renames\n\nembedded: It can rename. java: It cannot rename.", "yes", "no"] in rows
    text = document.astext()
    assert "java: only. A robot." in text and "java: only. A password." in text
    assert "Both servers report the same" not in text


def test_a_server_cannot_smuggle_markup_in(
    tmp_path: Path, facts_data: dict[str, Any], embedded_data: dict[str, Any], words_text: str
) -> None:
    evil = "`x`_ **b** |s|\n\n.. raw:: html\n\n   <script>"
    embedded, java = (json.loads(json.dumps(data).replace("robot[/shelf]", json.dumps(evil)[1:-1])) for data in (embedded_data, facts_data))
    words = words_text.replace('"robot[/shelf]"', json.dumps(evil))
    document = _parse(_sources(tmp_path, embedded, java, words).render())
    assert not list(document.findall(docutils.nodes.raw))
    assert " ".join(evil.split()) in [node.astext() for node in document.findall(docutils.nodes.term)]


def test_an_adaptor_may_have_any_name(tmp_path: Path, facts_data: dict[str, Any], words_text: str) -> None:
    """It is a heading, a part of a link's target, and the link's text."""
    names = ["a`_b: c", "a-b", "a_b", "A-B", "tape <x_>"]
    facts_data["filesystems"] = [{**facts_data["filesystems"][0], "name": name} for name in names]
    start, end = words_text.index("[filesystems.tape]"), words_text.index("[schedulers.abacus]")
    tape = words_text[start:end].replace('embedded = ["Tapes are rewound."]', "embedded = []")
    words = words_text[:start] + "".join(tape.replace("filesystems.tape", f"filesystems.{json.dumps(name)}") for name in names)
    words += words_text[end:]
    document = _parse(_sources(tmp_path, {"filesystems": [], "schedulers": []}, facts_data, words).render())
    assert [title for title in _titles(document) if title.endswith("tapes in a robot")] == [
        f"{name}: tapes in a robot" for name in sorted(names)
    ]
    links = {node.astext(): node.get("refid") for node in document.findall(docutils.nodes.reference)}
    assert sorted(links) == sorted([*names, "abacus"])
    assert len({*links.values()}) == len(links)


def test_kinds_without_adaptors_leave_out_tables(tmp_path: Path) -> None:
    words = "[kinds.filesystems]\nabout='A.'\nembedded=[]\njava=[]\n[kinds.schedulers]\nabout='B.'\nembedded=[]\njava=[]\n"
    words += "[types]\n[credentials]\n[locations]\n[properties]\n[filesystems]\n[schedulers]\n[flags.filesystems]\n[flags.schedulers]\n"
    nothing: dict[str, Any] = {"filesystems": [], "schedulers": []}
    document = _parse(_sources(tmp_path, nothing, nothing, words).render())
    assert not list(document.findall(docutils.nodes.table))


def test_the_same_sources_give_the_same_page(sources: _Sources) -> None:
    assert sources.render() == sources.render()


def test_a_template_may_not_name_what_does_not_exist(sources: _Sources, tmp_path: Path) -> None:
    (tmp_path / TEMPLATE).write_text("{{ page.colour }}")
    with pytest.raises(jinja2.UndefinedError, match="colour"):
        sources.render(tmp_path)


def test_the_page_says_what_made_it(sources: _Sources) -> None:
    first = " ".join(" ".join(sources.render().splitlines()[:2]).split())
    made_from = "protos/adaptors.json, protos/adaptors-embedded.json, protos/adaptors.toml and templates/docs/adaptors.rst.j2"
    assert first == f".. Generated by xenon-codegen from {made_from}; change those instead."


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["a.b.c", "a.b.d.e"], "a.b."),
        (["a.b", "a.b.c"], "a."),
        (["a.b.c"], "a.b."),
        (["ab.c", "a.c"], ""),
        (["plain", "a.b"], ""),
        ([], ""),
    ],
)
def test_common_prefix(names: list[str], prefix: str) -> None:
    assert common_prefix(names) == prefix


@pytest.mark.parametrize(
    ("type_name", "keyword"),
    [("PasswordCredential", "password_credential"), ("CredentialMap", "credential_map"), ("X509Credential", "x509_credential")],
)
def test_credential_keyword(type_name: str, keyword: str) -> None:
    assert credential_keyword(type_name) == keyword
