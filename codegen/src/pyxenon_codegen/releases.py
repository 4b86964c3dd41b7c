"""A release of xenon-grpc: its interface, its adaptors, and where its jar is.

A release is named by its version (``protos/releases.toml`` says where to find it), by the path of a jar, or by the target of a running
server, whose reflection service describes what it serves but not which jar it is.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from pyxenon_codegen import server_queries
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.generate import PROTO, RELEASES
from pyxenon_codegen.words import read_toml

PIN = "protos/release.toml"
ADAPTORS = "protos/adaptors.json"
_PIN_HEADER = "# The xenon-grpc release that this interface was taken from. Everything that needs the pin is rendered from this file.\n"
_VERSION = re.compile(r"\d+(\.\d+)+\S*")
_VERSIONS = re.compile(r"Xenon gRPC v(?P<version>[^\s,]+), Xenon Library v(?P<library>[^\s,]+)")
_MINIMUM_JAVA = 11  # for a jar that is not in releases.toml
_SECONDS = 60


@frozen
class ReleaseFacts:
    """The interface and adaptors of one release.

    ``adaptors`` is the text of ``adaptors.json``. ``pin`` holds the entries of ``release.toml``; it is None for a running server.
    """

    name: str
    file: FileDescriptorProto = field(repr=False)
    adaptors: str = field(repr=False)
    pin: Mapping[str, Any] | None = None


def facts_of(source: str, root: Path) -> ReleaseFacts:
    """Return the facts of *source*: a version that *root* knows, the path of a jar or of a repository such as this one, or a target.

    Downloads and starts the server if need be, which takes some seconds. Raises :class:`CodegenError` for an unknown release, or if it
    does not answer.
    """
    known = read_releases(root)
    if source in known:
        return _of_jar(find_jar(known[source]), known[source])
    path = Path(source)
    if (path / PROTO).is_file():
        return facts_of_tree(path)
    if path.is_file():
        _require_jar(path, known)
        return _of_jar(path, None)
    if ":" in source:
        return _of_target(source)
    raise CodegenError(f"there is no release {source!r}: {_advice(source)} Known are {', '.join(known)} (from {RELEASES})")


def _require_jar(path: Path, known: Iterable[str]) -> None:
    """Raise :class:`CodegenError` unless the file at *path* can be a jar, which is a zip file."""
    if zipfile.is_zipfile(path):
        return
    what = f"a .proto file describes only the interface, and {path} has no adaptors" if path.suffix == ".proto" else f"{path} is not a jar"
    raise CodegenError(
        f"{what}; name the release by its version ({', '.join(known)}), the path of its jar, or the target of a running server such as "
        "grpcs://host:port"
    )


def facts_of_tree(root: Path) -> ReleaseFacts:
    """Return the facts that the repository at *root* was generated from."""
    pin = read_toml(root / PIN)
    return ReleaseFacts(f"xenon-grpc {pin['version']}", compile_proto(root / PROTO), (root / ADAPTORS).read_text("utf-8"), pin)


def read_releases(root: Path) -> dict[str, Mapping[str, Any]]:
    """Return the entries of ``releases.toml`` by version, in their order."""
    entries = read_toml(root / RELEASES)["releases"]
    return {entry["version"]: {key: value for key, value in entry.items() if key != "new_rpcs"} for entry in entries}


def pin_text(pin: Mapping[str, Any]) -> str:
    """Return the text of ``release.toml``."""
    lines = [f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"' for key, value in pin.items()]
    return _PIN_HEADER + "\n".join(lines) + "\n"


def _advice(source: str) -> str:
    if _VERSION.fullmatch(source):
        return "no package index is known to have it; give the path of its jar."
    return "it is not a known version, a file, or a target such as java: or grpcs://host:port."


def find_jar(entry: Mapping[str, Any]) -> Path:
    """Return the jar of an entry of ``releases.toml``, downloaded if need be; raises :class:`CodegenError` if that fails."""
    from pyxenon_java.errors import JarChecksumError, JarFetchError
    from pyxenon_java.release import Release, cache_folder, fetch_jar

    release = Release(**entry)
    jar = cache_folder() / release.jar
    with suppress(FileNotFoundError):
        if _sha256(jar) == release.jar_sha256:
            return jar
    try:
        fetch_jar(release, jar)
    except (JarFetchError, JarChecksumError) as error:
        raise CodegenError(str(error)) from error
    return jar


def _of_jar(jar: Path, entry: Mapping[str, Any] | None) -> ReleaseFacts:
    """Return the facts that the jar prints and that a server started from it answers."""
    pin = entry or _pin_of(jar)
    file = _compile(_run(jar, "--proto"))
    return ReleaseFacts(f"xenon-grpc {pin['version']}", file, _adaptors_of(jar, file), pin)


def _pin_of(jar: Path) -> dict[str, Any]:
    versions = _VERSIONS.search(_run(jar, "--version"))
    if versions is None:
        raise CodegenError(f"{jar} does not print which release of xenon-grpc it is; check that it is a jar of xenon-grpc")
    pin = {"version": versions["version"], "xenon_version": versions["library"], "jar": jar.name, "jar_sha256": _sha256(jar)}
    nowhere = dict.fromkeys(("distribution", "distribution_version", "distribution_sha256", "packaging", "member"), "")
    return {**pin, "jar_bytes": jar.stat().st_size, **nowhere, "minimum_java": _MINIMUM_JAVA}


def _run(jar: Path, option: str) -> str:
    from pyxenon_core.errors import ServerStartError
    from pyxenon_java import find_java

    try:
        command = [str(find_java()), "-jar", str(jar), option]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (ServerStartError, subprocess.TimeoutExpired, OSError) as error:
        raise CodegenError(f"cannot ask {jar} for its {option}: {error}") from error
    if done.returncode or not done.stdout.strip():
        raise CodegenError(f"{jar} {option} failed (exit code {done.returncode}): {done.stderr.strip()[-2000:] or 'it printed nothing'}")
    return done.stdout


def _compile(text: str) -> FileDescriptorProto:
    with tempfile.TemporaryDirectory(prefix="xenon-codegen-") as folder:
        proto = Path(folder, "xenon.proto")
        proto.write_text(text, encoding="utf-8")
        return compile_proto(proto)


def _adaptors_of(jar: Path, file: FileDescriptorProto) -> str:
    from pyxenon_core.errors import ServerStartError
    from pyxenon_java import start_server

    try:
        server = start_server(jar=jar)
    except ServerStartError as error:
        raise CodegenError(f"cannot ask {jar} for its adaptors: {error}") from error
    try:
        return server_queries.adaptors(server.address, server.keys, file)
    finally:
        server.stop()


def _of_target(target: str) -> ReleaseFacts:
    import pyxenon_core
    from pyxenon_core.errors import XenonError
    from pyxenon_core.targets import GrpcEndpoint, open_target

    try:
        endpoint = open_target(target)
    except XenonError as error:
        raise CodegenError(str(error)) from error
    if isinstance(endpoint, GrpcEndpoint):
        try:
            return _asked(target, endpoint)
        finally:
            endpoint.close()
    raise CodegenError(
        f"{target} is this package's own server, made from this repository ({pyxenon_core.__version__}); name another server"
    )


def _asked(target: str, endpoint: Any) -> ReleaseFacts:
    file = server_queries.interface(endpoint.address, endpoint.tls)
    return ReleaseFacts(target, file, server_queries.adaptors(endpoint.address, endpoint.tls, file))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
