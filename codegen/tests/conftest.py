"""Fixtures: the repository, copies of what the generator reads, and models of protos of a few lines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto

from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.generate import generate
from pyxenon_codegen.interface import build_interface
from pyxenon_codegen.model import Interface, Method
from pyxenon_codegen.words import RpcWords, Words

ROOT = Path(__file__).parents[2]
# ruff sorts imports by what it finds there
SOURCES = ("packages/xenon-core/src", "packages/xenon-sync/src", "packages/xenon-java/src", "packages/xenon-server/src")
READ = ("protos", "templates", "pyproject.toml", "docs/adaptors.rst", *SOURCES)
FRAME = """
syntax = "proto3";
package xenon;
message Empty {}
message Path { string path = 1; string separator = 2; }
message Disk { string id = 1; }
message CreateDiskRequest { string adaptor = 1; }
%s
service DiskService {
    rpc create(CreateDiskRequest) returns (Disk);
    %s
}
"""

Model = Callable[..., Interface]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository that these tests are in."""
    return ROOT


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """Builds the interface of a proto: a service for disks, with *body* before it and *rpcs* in it, and a word for everything."""

    def build(body: str = "", rpcs: str = "", *, raises: Sequence[str] = (), errors: Mapping[str, str] | None = None) -> Interface:
        path = tmp_path / "xenon.proto"
        path.write_text(FRAME % (body, rpcs) if "syntax" not in body else body, encoding="utf-8")
        file = compile_proto(path)
        words = words_for(file, tuple(raises))
        interface = build_interface(file, words, errors or {})
        words.check(errors or ())
        return interface

    return build


@pytest.fixture
def method(model: Model) -> Callable[..., Method]:
    """Builds the last RPC of such a service."""
    return lambda body, rpcs, **options: model(body, rpcs, **options).services[0].methods[-1]


def words_for(file: FileDescriptorProto, raises: tuple[str, ...] = ()) -> Words:
    """A word for everything in *file*, which names what it is about."""
    names = [service.name for service in file.service]
    for enum in file.enum_type:
        names += _enum_names(enum, "")
    for message in file.message_type:
        names += _message_names(message)
    rpcs = {
        f"{service.name}.{rpc.name}": RpcWords(f"Do {rpc.name}.", f"What {rpc.name} gives.", raises)
        for service in file.service
        for rpc in service.method
    }
    return Words({name: f"About {name}." for name in names}, rpcs)


def _message_names(message: DescriptorProto) -> Iterator[str]:
    yield message.name
    yield from (f"{message.name}.{field.name}" for field in message.field)
    used = {field.oneof_index for field in message.field if field.HasField("oneof_index") and not field.proto3_optional}
    yield from (f"{message.name}.{oneof.name}" for index, oneof in enumerate(message.oneof_decl) if index in used)
    for enum in message.enum_type:
        yield from _enum_names(enum, f"{message.name}.")


def _enum_names(enum: EnumDescriptorProto, prefix: str) -> Iterator[str]:
    yield prefix + enum.name
    yield from (f"{prefix}{enum.name}.{value.name}" for value in enum.value)


@pytest.fixture(scope="session")
def generated() -> dict[str, str]:
    """Every generated file of the repository, as it would be written now."""
    return generate(ROOT)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the generator reads and writes."""
    return copy_tree(tmp_path / "tree")


def copy_tree(target: Path) -> Path:
    """Copy what the generator reads and writes to *target*."""
    for name in READ:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture
def raises_codegen() -> Callable[[str], pytest.RaisesExc[CodegenError]]:
    """Expects a :class:`CodegenError` whose message fits a pattern."""
    return lambda pattern: pytest.raises(CodegenError, match=pattern)
