"""Every example of the page, run as a program of its own on each server that has the adaptor, against a real one in Docker.

The host and the account of the server in Docker, with its password or key, take the place of those that the example shows; nothing else of
it is changed. An example that is known to fail must fail with the words that the page has, so that it is noticed when it begins to work.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pyxenon_adaptor_docs.facts import KINDS, load_facts
from pyxenon_adaptor_docs.servers import SNAPSHOTS, join
from pyxenon_adaptor_docs.words import load_words
from pyxenon_testing import Server, ServerFactory, SshServer

REPOSITORY = Path(__file__).parents[3]
FACTS = {server: load_facts(REPOSITORY / path) for server, path in SNAPSHOTS.items()}
WORDS = load_words(REPOSITORY / "protos" / "adaptors.toml", FACTS)
CASES = [
    pytest.param(kind, adaptor.name, server, marks=[pytest.mark.java] if server == "java" else [])
    for kind in KINDS
    for adaptor in join(FACTS, kind)
    for server in adaptor.facts
]
OF_THIS_MACHINE = ("file", "local")
IN_DOCKER = {"sftp": "ssh"}
SECONDS = 150


class _FillIn(ast.NodeTransformer):
    """Puts the target, the location and the account in the place of those that an example shows."""

    def __init__(self, target: str, location: str = "", account: Mapping[str, str] | None = None) -> None:
        self.target = target
        self.given = {"location": location, **(account or {})}
        self.filled: set[str] = set()

    def visit_Call(self, call: ast.Call) -> ast.AST:
        self.generic_visit(call)
        if ast.unparse(call.func) == "xenon.init":
            call.keywords = [ast.keyword("target", ast.Constant(self.target))]
        return call

    def visit_keyword(self, keyword: ast.keyword) -> ast.AST:
        self.generic_visit(keyword)
        if isinstance(keyword.value, ast.Constant) and (value := self.given.get(str(keyword.arg))):
            self.filled.add(str(keyword.arg))
            keyword.value = ast.Constant(value)
        return keyword


def _run(program: ast.AST, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "example.py"
    file.write_text(ast.unparse(program), encoding="utf-8")
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, cwd=folder, check=False)


def _expect(kind: str, adaptor: str, server: str, done: subprocess.CompletedProcess[str]) -> None:
    about = WORDS.adaptors[kind][adaptor]
    if server in about.fails:
        assert done.returncode == 1 and done.stdout == "", done.stdout
        assert about.fails[server] in " ".join(done.stderr.split())
    else:
        assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{about.prints.strip()}\n")


def _program(kind: str, adaptor: str) -> ast.Module:
    return ast.parse(WORDS.adaptors[kind][adaptor].example)


@pytest.mark.parametrize(("kind", "adaptor", "server"), [case for case in CASES if case.values[1] in OF_THIS_MACHINE])
def test_an_example_on_this_machine(kind: str, adaptor: str, server: str, tmp_path: Path) -> None:
    program = _FillIn(f"{server}:?home={tmp_path}").visit(_program(kind, adaptor))
    _expect(kind, adaptor, server, _run(program, tmp_path))


@pytest.mark.parametrize(("kind", "adaptor", "server"), [case for case in CASES if case.values[1] not in OF_THIS_MACHINE])
def test_an_example_on_a_server_in_docker(kind: str, adaptor: str, server: str, xenon_container: ServerFactory, tmp_path: Path) -> None:
    there: Any = xenon_container(IN_DOCKER.get(adaptor, adaptor))  # type: ignore[call-overload]
    # Two servers may run these at the same time.
    folder = there.run("mktemp -d").strip() if adaptor in ("sftp", "ssh") else ""
    fill_in = _FillIn(f"{server}:?home={_home(there, tmp_path)}", _location(there, adaptor) + folder, _account(there))
    program = fill_in.visit(_program(kind, adaptor))
    assert fill_in.filled in ({"location", "username", "certfile"}, {"location", "username", "password"})
    _expect(kind, adaptor, server, _run(program, tmp_path))
    if isinstance(there, SshServer):
        assert [name for name in there.run(f"ls -A {folder}").split() if folder or name in ("hello.txt", "run")] == []


def _location(there: Server, adaptor: str) -> str:
    ways = [*there.jobs, *([there.files] if there.files else [])]
    (location,) = [way.location for way in ways if way.adaptor == adaptor]
    return location


def _account(there: Server) -> dict[str, str]:
    key = {"certfile": str(there.private_key)} if there.private_key else {}
    return {"username": there.username, "password": there.password, **key}


def _home(there: Server, folder: Path) -> Path:
    """A home folder in which the server's host key is known."""
    ssh = folder / "home" / ".ssh"
    ssh.mkdir(mode=0o700, parents=True)
    (ssh / "known_hosts").write_text(there.known_hosts)
    return ssh.parent


def test_an_example_says_which_server_it_needs() -> None:
    for kind in KINDS:
        for adaptor in join(FACTS, kind):
            calls = [ast.unparse(node) for node in ast.walk(_program(kind, adaptor.name)) if isinstance(node, ast.Call)]
            expected = "xenon.init()" if "embedded" in adaptor.facts else "xenon.init(target='java:')"
            assert [call for call in calls if call.startswith("xenon.init")] == [expected]
