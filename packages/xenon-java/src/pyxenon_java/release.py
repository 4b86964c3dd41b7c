"""The pinned xenon-grpc release: found on this machine, or fetched once and checked.

The jar is a member of a distribution on the Python package index. It is fetched with pip, so that the index, the proxy and the
certificates that the user has set up for pip hold here too, and it is used only while its SHA-256 is the pinned one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs

from pyxenon_java._generated import release as _pin
from pyxenon_java.errors import JarChecksumError, JarFetchError

__all__ = ["PINNED", "Release", "cache_folder", "fetch_jar", "find_jar"]

JAR_VARIABLE = "XENON_GRPC_JAR"
_OFFLINE_ADVICE = f"Where there is no network, copy the jar here from another machine and name it in {JAR_VARIABLE}."
_CHUNK = 1 << 20
_PIP_LINES = 25  # where it builds, the reason comes well before the end
_JAR_NAME = re.compile(r"xenon-grpc-(\d+(?:\.\d+)+)(?:-all)?\.jar")
_log = logging.getLogger("xenon.server")


@dataclass(frozen=True)
class Release:
    """One xenon-grpc release and where its jar is had: *member* of a source distribution or, with *packaging* ``wheel``, of a wheel.

    Without a *distribution* the jar is on no index, and has to be named in ``XENON_GRPC_JAR``.
    """

    version: str
    xenon_version: str
    jar: str
    jar_sha256: str
    jar_bytes: int
    distribution: str
    distribution_version: str
    distribution_sha256: str
    member: str
    minimum_java: int
    packaging: str = "sdist"

    @property
    def requirement(self) -> str:
        """The line for pip's requirements file that admits this distribution and no other."""
        return f"{self.distribution}=={self.distribution_version} --hash=sha256:{self.distribution_sha256}"


PINNED = Release(
    version=_pin.VERSION,
    xenon_version=_pin.XENON_VERSION,
    jar=_pin.JAR,
    jar_sha256=_pin.JAR_SHA256,
    jar_bytes=_pin.JAR_BYTES,
    distribution=_pin.DISTRIBUTION,
    distribution_version=_pin.DISTRIBUTION_VERSION,
    distribution_sha256=_pin.DISTRIBUTION_SHA256,
    member=_pin.MEMBER,
    minimum_java=_pin.MINIMUM_JAVA,
    packaging=_pin.PACKAGING,
)


def cache_folder() -> Path:
    """Where the fetched jar is kept: the user's cache directory for ``pyxenon``."""
    return platformdirs.user_cache_path("pyxenon")


def find_jar(release: Release = PINNED) -> Path:
    """The path of the server's jar, fetched first where need be (24 MB, once).

    The environment's ``XENON_GRPC_JAR`` comes first and may name any jar. Raises :class:`JarFetchError` when there is no jar and none can
    be fetched, and :class:`JarChecksumError` when what is there, or what was fetched, is not the pinned release.
    """
    override = os.environ.get(JAR_VARIABLE)
    if override:
        return _check_override(Path(override).expanduser(), release)
    jar = cache_folder() / release.jar
    found = _sha256_if_there(jar)
    if found != release.jar_sha256:
        _replace(jar, release, found)
    return jar


def fetch_jar(release: Release, destination: Path) -> None:
    """Fetch the jar of *release* with pip and move it to *destination* once its hash is right.

    The destination appears whole or not at all, whatever interrupts this, and two processes may do it at once. Raises
    :class:`JarFetchError` and :class:`JarChecksumError`.
    """
    if not release.distribution:
        raise JarFetchError(
            f"cannot fetch xenon-grpc {release.version}: no package index is known to have it. Name its jar in {JAR_VARIABLE}; "
            f"its SHA-256 is {release.jar_sha256}."
        )
    megabytes = round(release.jar_bytes / 1e6)
    _log.warning("fetching xenon-grpc %s (%d MB, this once) into %s", release.version, megabytes, destination.parent)
    try:
        with tempfile.TemporaryDirectory(prefix="pyxenon-fetch-") as folder:
            _extract(release, _download(release, Path(folder)), destination)
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise JarFetchError(f"cannot fetch xenon-grpc {release.version} into {destination}: {error}. {_OFFLINE_ADVICE}") from error


def release_name(jar: Path) -> str:
    """What *jar* is by its name, such as ``xenon-grpc 3.0.1``; empty when that does not tell."""
    match = _JAR_NAME.fullmatch(jar.name)
    return f"xenon-grpc {match[1]}" if match else ""


def _check_override(jar: Path, release: Release) -> Path:
    found = _sha256_if_there(jar)
    if found is None:
        raise JarFetchError(f"cannot use the jar {jar}, which {JAR_VARIABLE} names: there is no such file. Correct or unset the variable.")
    if found != release.jar_sha256:
        _log.warning("%s names %s, which is not xenon-grpc %s as released (SHA-256 %s)", JAR_VARIABLE, jar, release.version, found)
    return jar.absolute()


def _replace(jar: Path, release: Release, found: str | None) -> None:
    """Fetch *jar*, once; a damaged copy (*found* is its hash) is replaced, as what takes its place is held to the same hash."""
    if found is None:
        return fetch_jar(release, jar)
    _log.warning("%s is damaged: its SHA-256 is %s, not %s; it is not used, and is fetched again", jar, found, release.jar_sha256)
    try:
        fetch_jar(release, jar)
    except JarFetchError as error:
        raise JarChecksumError(f"{_mismatch(jar, release, found)} Fetching it again failed: {error}") from error


def _mismatch(jar: Path, release: Release, found: str) -> str:
    return (
        f"cannot use {jar} as xenon-grpc {release.version}: its SHA-256 is {found}, expected {release.jar_sha256}. "
        f"Delete it to have it fetched anew, or name a jar that you trust in {JAR_VARIABLE}."
    )


def _sha256_if_there(path: Path) -> str | None:
    """The file's SHA-256 in hexadecimal (24 MB take some 20 to 70 ms), or None where there is no file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JarFetchError(f"cannot read the jar {path}: {error}. Make it readable, or name another in {JAR_VARIABLE}.") from error
    return digest.hexdigest()


def _download(release: Release, folder: Path) -> Path:
    """The distribution, checked by pip against its hash, in *folder*.

    To read a source distribution's metadata pip runs setup.py in an isolated environment, and fetches setuptools for it; so this works
    where none is installed. Only this distribution is asked for as source: ``:all:`` would have setuptools built from source as well.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(release.requirement + "\n", encoding="utf-8")
    kind, pattern = ("--only-binary", "*.whl") if release.packaging == "wheel" else ("--no-binary", "*.tar.gz")
    choice = ["--no-deps", kind, release.distribution, "--require-hashes", "--requirement", requirements.name]
    quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    done = subprocess.run(
        [_python(), "-m", "pip", "download", *choice, *quiet, "--dest", str(folder)],
        cwd=folder,  # also keeps a pip.py in the user's folder out of the way
        env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"},  # nothing is installed
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    archives = sorted(folder.glob(pattern))
    if done.returncode or not archives:
        last = "\n".join(done.stdout.strip().splitlines()[-_PIP_LINES:])
        raise JarFetchError(
            f"cannot fetch xenon-grpc {release.version}: pip download of {release.distribution} {release.distribution_version} failed "
            f"(exit code {done.returncode}). Its last lines:\n{last}\nCheck that pip can reach its index from here. {_OFFLINE_ADVICE}"
        )
    return archives[0]


def _python() -> str:
    if not sys.executable:
        raise JarFetchError(f"cannot fetch the jar: this program has no Python executable to run pip with. {_OFFLINE_ADVICE}")
    return sys.executable


def _extract(release: Release, archive: Path, destination: Path) -> None:
    """Take the one member out of *archive* and put it at *destination* when its hash is right."""
    with _member(release, archive) as source, _partial_file(destination) as partial:
        shutil.copyfileobj(source, partial, _CHUNK)
        partial.flush()
        os.fsync(partial.fileno())
        found = _sha256_if_there(Path(partial.name))
        if found != release.jar_sha256:
            raise JarChecksumError(_mismatch(archive / release.member, release, str(found)))
        Path(partial.name).replace(destination)


@contextmanager
def _member(release: Release, archive: Path) -> Iterator[IO[bytes]]:
    """The jar inside *archive*, as a stream; nothing else is unpacked."""
    if release.packaging == "wheel":
        with zipfile.ZipFile(archive) as wheel:
            if release.member not in wheel.namelist() or wheel.getinfo(release.member).file_size != release.jar_bytes:
                raise _no_member(release, release.member, archive)
            with wheel.open(release.member) as content:
                yield content
            return
    wanted = f"{release.distribution}-{release.distribution_version}/{release.member}"
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.name == wanted and member.size == release.jar_bytes and (stream := tar.extractfile(member)) is not None:
                with stream:
                    yield stream
                return
    raise _no_member(release, wanted, archive)


def _no_member(release: Release, wanted: str, archive: Path) -> JarFetchError:
    return JarFetchError(
        f"cannot take {wanted} ({release.jar_bytes} bytes) out of {archive.name}: it holds no such file. {_OFFLINE_ADVICE}"
    )


@contextmanager
def _partial_file(destination: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside *destination*, gone at the end unless it was moved there."""
    destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=destination.parent, prefix=f".{destination.name}.", delete=False) as partial:
        try:
            yield partial
        finally:
            Path(partial.name).unlink(missing_ok=True)
