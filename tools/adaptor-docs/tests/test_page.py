"""The committed page: up to date, valid, readable as plain text, and with examples that use what exists."""

from __future__ import annotations

import ast
import re
from importlib import metadata
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

from adaptor_docs.facts import KINDS, AdaptorFacts, load_facts
from adaptor_docs.render import credential_keyword, render
from adaptor_docs.words import load_words

REPOSITORY = Path(__file__).parents[3]
PATHS = (REPOSITORY / "protos" / "adaptors.json", REPOSITORY / "protos" / "adaptors.toml", REPOSITORY / "templates" / "docs")
FACTS = load_facts(PATHS[0])
WORDS = load_words(PATHS[1], FACTS)
PUBLIC = frozenset(
    {"init", "FileSystem", "Scheduler", "Path", "JobDescription"}
    | {"CertificateCredential", "PasswordCredential", "DefaultCredential", "UserCredential", "CredentialMap"}
)
ADAPTORS = [pytest.param(kind, adaptor, id=f"{kind}-{adaptor.name}") for kind in KINDS for adaptor in FACTS.of(kind)]


@pytest.fixture(scope="module")
def page() -> str:
    return render(*PATHS)


def test_the_committed_page_is_up_to_date(page: str) -> None:
    assert (REPOSITORY / "docs" / "adaptors.rst").read_text("utf-8") == page


def test_docutils_has_nothing_to_say_about_it(page: str) -> None:
    settings = {"report_level": 1, "halt_level": 2, "input_encoding": "unicode"}
    document = docutils.core.publish_doctree(page, settings_overrides=settings)
    assert not list(document.findall(docutils.nodes.system_message))
    assert len(list(document.findall(docutils.nodes.table))) == 2 + sum(1 for kind in KINDS for each in FACTS.of(kind) if each.properties)


def test_it_reads_well_as_plain_text(page: str) -> None:
    lines = page.splitlines()
    assert max(map(len, lines)) <= 140
    assert not [line for line in lines if line != line.rstrip() or "\t" in line]
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert "\n\n\n" not in page


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_an_example_uses_only_what_exists(kind: str, adaptor: AdaptorFacts) -> None:
    tree = ast.parse(WORDS.adaptors[kind][adaptor.name].example)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "xenon"} <= PUBLIC
    (create,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".create")]
    assert ast.unparse(create.func) == {"filesystems": "xenon.FileSystem.create", "schedulers": "xenon.Scheduler.create"}[kind]
    assert ast.literal_eval(create.args[0]) == adaptor.name
    given = {keyword.arg: keyword.value for keyword in create.keywords}
    assert set(given) <= {"location", "properties", *map(credential_keyword, adaptor.credentials)}
    properties = ast.literal_eval(given["properties"]) if "properties" in given else {}
    assert set(properties) <= {each.name for each in adaptor.properties}


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_an_example_of_a_location_has_the_form_it_is_for(kind: str, adaptor: AdaptorFacts) -> None:
    for form, location in WORDS.adaptors[kind][adaptor.name].locations.items():
        assert re.fullmatch(_pattern(form), location), (form, location)


@pytest.mark.parametrize(("kind", "adaptor"), ADAPTORS)
def test_the_server_in_this_process_has_what_the_page_says(kind: str, adaptor: AdaptorFacts, page: str) -> None:
    (point, *_) = [*metadata.entry_points(group=f"xenon.{kind}", name=adaptor.name), None]
    words = WORDS.adaptors[kind][adaptor.name]
    assert ("embedded" in words.servers) == (point is not None)
    ours = {each.name for each in point.load().properties} if point is not None else set()
    of_its_own = ours - {each.name for each in adaptor.properties}
    assert [name for name in of_its_own if not any(f"``{name}``" in note for note in words.embedded)] == []


def _pattern(form: str) -> str:
    """A location's form as a regular expression: brackets are optional, ``[…]*`` may repeat, and words in it are placeholders."""
    if form in {"(null)", "(empty string)"}:
        return ""
    form = form.replace("]*", ")*").replace("[", "(").replace(")*", "\0").replace("]", ")?").replace("\0", ")*")
    placeholders = {"driveletter": "[A-Z]", "port": r"\d+", "/workdir": "(/[^ ]*)", "host": r"[\w.-]+", "otherhost": r"[\w.-]+"}
    placeholders |= {"bucketname": r"[\w-]+", "region": r"[\w-]+"}
    form = form.replace(".", r"\.")
    return re.sub("/workdir|[a-z]+", lambda match: placeholders.get(match[0], match[0]), form)
