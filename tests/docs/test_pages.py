"""Every block of Python on a page, and in a README, is run: here, or by the test that is named for the file."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from known_hosts import home_with
from pyxenon_adaptor_docs.facts import load_facts
from pyxenon_adaptor_docs.servers import SNAPSHOTS
from pyxenon_adaptor_docs.words import load_words
from pyxenon_testing import ServerFactory
from run_page import python_blocks

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "tests" / "support" / "run_page.py"
SECONDS = 170
PAGES = (
    "docs/index.md",
    "docs/how-it-works.md",
    "docs/quick-start.md",
    "docs/streaming.md",
    "docs/moving-from-pyxenon.md",
    "docs/security.md",
    "packages/xenon-core/README.md",
    "packages/xenon-sync/README.md",
)
OTHERS = {
    "README.md": "tests/test_readme.py",
    "docs/adaptors.rst": "tests/docs/test_pages.py",
    "docs/own-adaptors.md": "tests/test_own_adaptors.py",
    "docs/testing.md": "tests/test_testing_docs.py",
    "packages/xenon-testing/README.md": "tests/test_testing_docs.py",
}
# What a page says and what is up for it: the server, with its options.
HOSTS = {"data.example.org": ("ssh", {"username": "ada", "copy": "pages"}), "login.example.org": ("slurm", {})}
LANGUAGES = {"console", "ini", "python", "sh", "text", "toml", "{include}", "{toctree}"}


def hosts_of(page: str) -> list[str]:
    blocks = "".join(python_blocks(ROOT / page))
    return [name for name in HOSTS if name in blocks]


def written() -> list[Path]:
    """Every page and README of the repository."""
    tracked = subprocess.run(["git", "ls-files", "*.md", "*.rst"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in tracked.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.xenon_docker] if hosts_of(page) else []) for page in PAGES])
def test_a_page_runs(page: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    hosts = {}
    for name in hosts_of(page):
        factory: ServerFactory = request.getfixturevalue("xenon_container")
        kind, options = HOSTS[name]
        hosts[name] = factory.start(kind, options)
    environment = {**os.environ, "HOME": str(home_with(hosts, tmp_path / "home")), "PYTHONWARNINGS": "error"}
    environment.pop("XENON_TARGET", None)
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(ROOT / page)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_of_the_adaptors_what_is_no_example_runs_here(tmp_path: Path) -> None:
    """The examples are run on every server in Docker, by tools/adaptor-docs/tests/test_examples.py."""
    words = load_words(ROOT / "protos" / "adaptors.toml", {server: load_facts(ROOT / path) for server, path in SNAPSHOTS.items()})
    examples = {ast.dump(ast.parse(about.example)) for adaptors in words.adaptors.values() for about in adaptors.values()}
    blocks = python_blocks(ROOT / "docs" / "adaptors.rst")
    others = [block for block in blocks if ast.dump(ast.parse(block)) not in examples]
    assert len(blocks) == len(examples) + len(others)
    for block in others:
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True, cwd=tmp_path, timeout=SECONDS)


def test_no_python_is_left_out() -> None:
    with_python = {str(path.relative_to(ROOT)) for path in written() if python_blocks(path)}
    assert with_python == {*PAGES, *OTHERS}


@pytest.mark.parametrize(("page", "test"), OTHERS.items())
def test_the_others_have_their_tests(page: str, test: str) -> None:
    assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in written() if path.suffix == ".md"])
def test_each_block_says_its_language_and_hides_no_python(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    fences = re.findall(r"^ *(`{3,}|~{3,})(.*)$", text, re.MULTILINE)
    opening = fences[::2]
    assert {language.split(" ")[0] for _, language in opening} <= LANGUAGES
    assert all(not language for _, language in fences[1::2])
    outside = re.sub(r"^```python\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^\s*(import|from) xenon\w*", outside, re.MULTILINE)


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in written() if path.suffix == ".md"])
def test_links_lead_somewhere_in_the_repository(path: Path) -> None:
    """As it is read there; those of the site are checked by its build."""
    prose = re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]
    assert [target for target in targets if target and not (path.parent / target).exists()] == []
