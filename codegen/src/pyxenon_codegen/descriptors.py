"""Compile a proto to its descriptor, and write descriptors as Python literals."""

from __future__ import annotations

import difflib
import tempfile
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

from pyxenon_codegen.errors import CodegenError


def compile_proto(path: Path) -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of the proto at *path*; raises :class:`CodegenError` if it does not compile or imports other files."""
    with tempfile.TemporaryDirectory(prefix="xenon-codegen-") as folder:
        output = Path(folder, "descriptors.bin")
        run_protoc(path, [f"--descriptor_set_out={output}"])
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
    if len(files) != 1 or files[0].dependency:
        raise CodegenError(f"{path} imports other files; the interface must be a single proto")
    return files[0]


def require_same(read: descriptor_pb2.FileDescriptorProto, written: descriptor_pb2.FileDescriptorProto) -> None:
    """Raise :class:`CodegenError` with a diff if the proto to be *written* lacks or changes a fact of the one *read*."""
    before, after = (str(_without_empty_options(file)).splitlines() for file in (read, written))
    if before != after:
        difference = "\n".join(difflib.unified_diff(before, after, "as read", "as it would be written", n=4, lineterm=""))
        raise CodegenError(f"the proto has facts that templates/protos/xenon.proto.j2 does not write; teach it there:\n{difference}")


def _without_empty_options(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """Return a copy without empty options, which an ``rpc`` with empty braces has."""
    copy = descriptor_pb2.FileDescriptorProto()
    copy.CopyFrom(file)
    for rpc in (rpc for service in copy.service for rpc in service.method):
        if not rpc.options.ListFields():
            rpc.ClearField("options")
    return copy


def literal_lines(data: bytes, width: int) -> list[str]:
    """Return *data* as bytes literals of at most *width* columns, which Python concatenates."""
    lines: list[str] = []
    start = 0
    for end in range(1, len(data) + 1):
        if end == len(data) or len(repr(data[start : end + 1])) > width:
            lines.append(repr(data[start:end]))
            start = end
    return lines


def run_protoc(path: Path, arguments: list[str]) -> None:
    """Run the protocol compiler of grpcio-tools on *path*; raises :class:`CodegenError` if it fails."""
    if not path.is_file():
        raise CodegenError(f"there is no proto at {path}")
    includes = resources.files("grpc_tools").joinpath("_proto")
    status: int = protoc.main(  # type: ignore[no-untyped-call]  # grpcio-tools has no types
        ["protoc", f"-I{path.parent}", f"-I{includes}", *arguments, path.name]
    )
    if status != 0:
        raise CodegenError(f"the protocol compiler failed on {path} (status {status}); its messages are above")
