"""The committed page: up to date, valid, readable as plain text, and with examples that use what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

from pyxenon_adaptor_docs.facts import KINDS, load_facts
from pyxenon_adaptor_docs.render import render
from pyxenon_adaptor_docs.servers import SNAPSHOTS, JoinedAdaptor, join
from pyxenon_adaptor_docs.views import credential_keyword
from pyxenon_adaptor_docs.words import load_words

REPOSITORY = Path(__file__).parents[3]
FACTS_PATHS = {server: REPOSITORY / path for server, path in SNAPSHOTS.items()}
PATHS = (FACTS_PATHS, REPOSITORY / "protos" / "adaptors.toml", REPOSITORY / "templates" / "docs")
FACTS = {server: load_facts(path) for server, path in FACTS_PATHS.items()}
WORDS = load_words(PATHS[1], FACTS)
ALL = {kind: join(FACTS, kind) for kind in KINDS}
PUBLIC = frozenset(
    {"init", "FileSystem", "Scheduler", "Path", "JobDescription"}
    | {"CertificateCredential", "PasswordCredential", "DefaultCredential", "UserCredential", "CredentialMap"}
)
ADAPTORS = [pytest.param(kind, adaptor, id=f"{kind}-{adaptor.name}") for kind in KINDS for adaptor in ALL[kind]]


@pytest.fixture(scope="module")
def page() -> str:
    return render(*PATHS)


def test_the_committed_page_is_up_to_date(page: str) -> None:
    assert (REPOSITORY / "docs" / "adaptors.rst").read_text("utf-8") == page


def test_docutils_has_nothing_to_say_about_it(page: str) -> None:
    settings = {"report_level": 1, "halt_level": 2, "input_encoding": "unicode"}
    document = docutils.core.publish_doctree(page, settings_overrides=settings)
    assert not list(document.findall(docutils.nodes.system_message))
    # One that compares the adaptors of a kind; one of the properties and one of the capabilities of each.
    assert len(list(document.findall(docutils.nodes.table))) == 2 + sum(1 + bool(each.properties) for kind in KINDS for each in ALL[kind])


def test_it_has_all_facts_of_both_servers(page: str) -> None:
    text = " ".join(docutils.core.publish_doctree(page).astext().split())
    for adaptor in (each for kind in KINDS for each in ALL[kind]):
        section = text[text.index(f" {adaptor.name}: ") :]
        prefix = {"xenon.adaptors.filesystems.", "xenon.adaptors.schedulers."}
        names = [name.removeprefix(each) for name in adaptor.properties for each in prefix if name.startswith(each)]
        assert len(names) == len(adaptor.properties)
        assert [fact for fact in (*adaptor.locations, *adaptor.credentials, *names) if fact not in section] == []
        assert f"Servers: {', '.join(f'{server}:' for server in adaptor.facts)} " in section


def test_it_reads_well_as_plain_text(page: str) -> None:
    lines = page.splitlines()
    assert max(map(len, lines)) <= 140
    assert not [line for line in lines if line != line.rstrip() or "\t" in line]
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert "\n\n\n" not in page


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_an_example_uses_only_what_exists(kind: str, adaptor: JoinedAdaptor) -> None:
    tree = ast.parse(WORDS.adaptors[kind][adaptor.name].example)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "xenon"} <= PUBLIC
    (create,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".create")]
    assert ast.unparse(create.func) == {"filesystems": "xenon.FileSystem.create", "schedulers": "xenon.Scheduler.create"}[kind]
    assert ast.literal_eval(create.args[0]) == adaptor.name
    given = {keyword.arg: keyword.value for keyword in create.keywords}
    assert set(given) <= {"location", "properties", *map(credential_keyword, adaptor.credentials)}
    properties = ast.literal_eval(given["properties"]) if "properties" in given else {}
    assert set(properties) <= set(adaptor.properties)


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_an_example_fits_the_width_of_a_page(kind: str, adaptor: JoinedAdaptor) -> None:
    assert [line for line in WORDS.adaptors[kind][adaptor.name].example.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_an_example_of_a_location_has_the_form_it_is_for(kind: str, adaptor: JoinedAdaptor) -> None:
    for form, location in WORDS.adaptors[kind][adaptor.name].locations.items():
        assert re.fullmatch(_pattern(form), location), (form, location)


def _pattern(form: str) -> str:
    """A location's form as a regular expression: brackets are optional, ``[…]*`` may repeat, and words in it are placeholders."""
    if form in {"(null)", "(empty string)"}:
        return ""
    form = form.replace("]*", ")*").replace("[", "(").replace(")*", "\0").replace("]", ")?").replace("\0", ")*")
    placeholders = {"driveletter": "[A-Z]", "port": r"\d+", "/workdir": "(/[^ ]*)", "host": r"[\w.-]+", "otherhost": r"[\w.-]+"}
    placeholders |= {"bucketname": r"[\w-]+", "region": r"[\w-]+"}
    form = form.replace(".", r"\.")
    return re.sub("/workdir|[a-z]+", lambda match: placeholders.get(match[0], match[0]), form)
