"""Generate all files in memory: which file is made from what."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from google.protobuf.descriptor_pb2 import FileDescriptorProto

import pyxenon_adaptor_docs
from pyxenon_codegen import messages as betterproto_messages
from pyxenon_codegen.descriptors import compile_proto, literal_lines, require_same
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.interface import build_interface
from pyxenon_codegen.model import Interface, Message
from pyxenon_codegen.render import Renderer
from pyxenon_codegen.toml_text import require_comments
from pyxenon_codegen.words import Words, read_toml, read_words
from pyxenon_codegen.words_file import read_words_file, words_text

PROTO = "protos/xenon.proto"
WORDS = "protos/words.toml"
RELEASES = "protos/releases.toml"
CORE = "packages/xenon-core/src/pyxenon_core/_generated"
SYNC = "packages/xenon-sync/src/pyxenon/_generated"
JAVA = "packages/xenon-java/src/pyxenon_java/_generated"
SERVER = "packages/xenon-server/src/pyxenon_server/_generated"
GENERATED_FOLDERS = (CORE, SYNC, JAVA, SERVER)
# The gRPC service that the Python server implements itself.
HEALTH_PROTO = "grpc/health/v1/health.proto"
_WORDS = "protos/xenon.proto, protos/words.toml"
ROOT_ERROR = "XenonError"
ROOT_DOC = "Anything else that the server reports, such as a host that cannot be reached."
_PACKAGE_DOC = '"""Written by xenon-codegen: read the templates, not these files."""\n'


@frozen
class Error:
    """An exception class to render."""

    name: str
    status: str
    doc: str
    hint: str


@frozen
class Sources:
    """Everything that the templates use."""

    root: Path
    file: FileDescriptorProto
    interface: Interface
    errors: tuple[Error, ...]
    release: Mapping[str, Any]
    removed: Mapping[str, str]
    since: Mapping[str, str]


def read_sources(root: Path) -> Sources:
    """Read ``protos/`` below *root*; raises :class:`CodegenError` for a missing or orphaned word, or a shape without a rule."""
    file = compile_proto(root / PROTO)
    errors = _read_errors(root / "protos/errors.toml")
    words = read_words(root / WORDS)
    docs = {ROOT_ERROR: ROOT_DOC, **{error.name: error.doc for error in errors}}
    interface = build_interface(file, words, docs)
    words.check(docs)
    release = read_toml(root / "protos/release.toml")
    return Sources(root, file, interface, errors, release, dict(sorted(words.removed.items())), _since(root, interface))


def _since(root: Path, interface: Interface) -> dict[str, str]:
    """Return the release that introduced each method, as far as ``releases.toml`` says."""
    entries = read_toml(root / RELEASES)["releases"]
    came = {name: entry["version"] for entry in entries for name in entry.get("new_rpcs", ())}
    methods = [method for service in interface.services for method in service.methods]
    return {method.path: came[name] for method in methods if (name := f"{method.service}.{method.name}") in came}


def _read_errors(path: Path) -> tuple[Error, ...]:
    wanted = {"status", "doc", "hint"}
    tables = read_toml(path)
    for name, table in tables.items():
        if set(table) != wanted:
            raise CodegenError(f"{path} says of {name}: {', '.join(sorted(table))}; it must say {', '.join(sorted(wanted))}")
    return tuple(Error(name, **table) for name, table in tables.items())


def generate(root: Path) -> dict[str, str]:
    """Return the text of every generated file, by its path below *root*. Writes nothing."""
    sources = read_sources(root)
    renderer = Renderer(root / "templates")
    python = {
        **_core_files(sources, renderer),
        **_sync_files(sources, renderer),
        f"{SERVER}/descriptor.py": _descriptor(sources, renderer),
        f"{JAVA}/release.py": renderer.render(
            "pyxenon_java/release.py.j2", _context(sources, "protos/release.toml", "pyxenon_java/release.py.j2")
        ),
    }
    python.update({f"{folder}/__init__.py": _PACKAGE_DOC for folder in GENERATED_FOLDERS})
    return {
        PROTO: renderer.render("protos/xenon.proto.j2", _context(sources, "", "")),
        WORDS: _ordered_words(sources),
        "docs/adaptors.rst": _adaptor_docs(root),
        **format_python(python, root / "pyproject.toml"),
    }


def bare_proto(root: Path, file: FileDescriptorProto) -> str:
    """Return the proto of the interface in *file* without comments, as input for the generator."""
    interface = build_interface(file, Words({}, {}), {})
    context = {"interface": interface, "file": file, "release": {"version": "", "xenon_version": ""}}
    return Renderer(root / "templates").render("protos/xenon.proto.j2", context)


def _context(sources: Sources, origins: str, template: str) -> dict[str, Any]:
    return {
        "interface": sources.interface,
        "errors": sources.errors,
        "release": sources.release,
        "removed": sources.removed,
        "since": sources.since,
        "file": sources.file,
        "sources": f"{origins} and templates/{template}",
    }


def _ordered_words(sources: Sources) -> str:
    path = sources.root / WORDS
    text = words_text(read_words_file(path), sources.file)
    require_comments(WORDS, path.read_text(encoding="utf-8"), text)
    return text


def _core_files(sources: Sources, renderer: Renderer) -> dict[str, str]:
    origins = {"errors": "protos/errors.toml", "services": _WORDS, "codec": _WORDS, "views": _WORDS, "history": f"{WORDS}, {RELEASES}"}
    files: dict[str, str] = {}
    for name, origin in origins.items():
        template = f"pyxenon_core/{name}.py.j2"
        files[f"{CORE}/{name}.py"] = renderer.render(template, _context(sources, origin, template))
    files[f"{CORE}/messages.py"] = _messages(sources, renderer)
    return {**files, **_service_files(sources, renderer, CORE, "pyxenon_core/service.py.j2")}


def _sync_files(sources: Sources, renderer: Renderer) -> dict[str, str]:
    return _service_files(sources, renderer, SYNC, "pyxenon/service.py.j2")


def _descriptor(sources: Sources, renderer: Renderer) -> str:
    """Return the descriptors for the reflection service of the Python server: the interface and the health service."""
    template = "pyxenon_server/descriptor.py.j2"
    files = {"xenon.proto": sources.file, HEALTH_PROTO: compile_proto(sources.root / "protos" / HEALTH_PROTO)}
    descriptors = {name: literal_lines(_named(file, name).SerializeToString(deterministic=True), 120) for name, file in files.items()}
    proto = renderer.render("protos/xenon.proto.j2", _context(sources, "", ""))
    context = _context(sources, f"{_WORDS}, protos/{HEALTH_PROTO}", template)
    return renderer.render(template, {**context, "descriptors": descriptors, "proto": proto})


def _named(file: FileDescriptorProto, name: str) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    copy.name = name
    return copy


def _service_files(sources: Sources, renderer: Renderer, folder: str, template: str) -> dict[str, str]:
    context = _context(sources, _WORDS, template)
    return {
        f"{folder}/{service.module}.py": renderer.render(template, {**context, "service": service})
        for service in sources.interface.services
    }


def _messages(sources: Sources, renderer: Renderer) -> str:
    """Return the messages, compiled by betterproto2 from the proto with comments, which become docstrings."""
    with tempfile.TemporaryDirectory(prefix="xenon-codegen-") as folder:
        proto = Path(folder, "xenon.proto")
        proto.write_text(renderer.render("protos/xenon.proto.j2", _context(sources, "", "")), encoding="utf-8")
        require_same(sources.file, compile_proto(proto))
        compiled = betterproto_messages.compile_messages(proto, sources.interface.package)
    constructors = {message.name: _constructor(message, sources.interface, renderer) for message in sources.interface.messages}
    header = renderer.render("_header.j2", _context(sources, _WORDS, "pyxenon_core/*constructor.j2, by betterproto2's compiler"))
    return header + betterproto_messages.mend_messages(compiled, sources.interface, constructors)


def _constructor(message: Message, interface: Interface, renderer: Renderer) -> str:
    """Return the constructor of *message*. Dataclasses would compile one at each import, which takes a tenth of the import time."""
    template = "constructor.j2" if message in interface.descriptions else "plain_constructor.j2"
    return renderer.render(f"pyxenon_core/{template}", {"message": message})


def _adaptor_docs(root: Path) -> str:
    facts = {server: root / path for server, path in pyxenon_adaptor_docs.SNAPSHOTS.items()}
    return pyxenon_adaptor_docs.render(facts, root / "protos/adaptors.toml", root / "templates/docs")


def format_python(files: Mapping[str, str], configuration: Path) -> dict[str, str]:
    """Let ruff sort the imports, remove unused ones and format the code, all files in one run."""
    with tempfile.TemporaryDirectory(prefix="xenon-codegen-") as folder:
        for name, text in files.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(text, encoding="utf-8")
        _ruff(["check", "--fix", "--select", "I,F401,E703", "--quiet"], folder, configuration)
        _ruff(["format", "--quiet"], folder, configuration)
        return {name: Path(folder, name).read_text(encoding="utf-8") for name in files}


def _ruff(arguments: list[str], folder: str, configuration: Path) -> None:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--config", str(configuration), folder]
    # The paths in the configuration are relative to its directory; ruff resolves them against the working directory.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=configuration.parent)
    if done.returncode != 0:
        raise CodegenError(f"a template renders invalid Python:\n{done.stdout}{done.stderr}")
