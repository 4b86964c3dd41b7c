"""The pinned xenon-grpc release: find its jar on this machine, or download and verify it once.

The jar is a file in a distribution on the Python package index. It is downloaded with pip, so that the user's settings of pip (index,
proxy, certificates) apply, and it is used only if its SHA-256 is the pinned one.
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
_OFFLINE_ADVICE = f"Without a network, copy the jar from another machine and set {JAR_VARIABLE} to its path."
_CHUNK = 1 << 20
_PIP_LINES = 25  # when pip builds something, the reason is well before the end
_JAR_NAME = re.compile(r"xenon-grpc-(\d+(?:\.\d+)+)(?:-all)?\.jar")
_log = logging.getLogger("xenon.server")


@dataclass(frozen=True)
class Release:
    """A xenon-grpc release and the source of its jar: *member* of a source distribution or, with *packaging* ``wheel``, of a wheel.

    Without a *distribution* the jar is not on an index, and ``XENON_GRPC_JAR`` must name it.
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
        """The line for pip's requirements file that allows only this distribution."""
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
    """Return the folder of the downloaded jar: the user's cache directory for ``pyxenon``."""
    return platformdirs.user_cache_path("pyxenon")


def find_jar(release: Release = PINNED) -> Path:
    """Return the path of the server's jar; download it first if it is missing (24 MB, once).

    The environment variable ``XENON_GRPC_JAR`` has priority and may name any jar. Raises :class:`JarFetchError` if the jar is missing and
    cannot be downloaded, and :class:`JarChecksumError` if the jar found or downloaded is not the pinned release.
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
    """Download the jar of *release* with pip, and move it to *destination* if its hash is right.

    The destination appears completely or not at all, even after an interrupt, and two processes may do this at once. Raises
    :class:`JarFetchError` and :class:`JarChecksumError`.
    """
    if not release.distribution:
        raise JarFetchError(
            f"cannot download xenon-grpc {release.version}: it is not known to be on a package index. Set {JAR_VARIABLE} to its jar; "
            f"its SHA-256 is {release.jar_sha256}."
        )
    megabytes = round(release.jar_bytes / 1e6)
    _log.warning("downloading xenon-grpc %s (%d MB, only once) into %s", release.version, megabytes, destination.parent)
    try:
        with tempfile.TemporaryDirectory(prefix="pyxenon-fetch-") as folder:
            _extract(release, _download(release, Path(folder)), destination)
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise JarFetchError(f"cannot download xenon-grpc {release.version} into {destination}: {error}. {_OFFLINE_ADVICE}") from error


def release_name(jar: Path) -> str:
    """Return the release that the name of *jar* says, such as ``xenon-grpc 3.0.1``; empty if it does not."""
    match = _JAR_NAME.fullmatch(jar.name)
    return f"xenon-grpc {match[1]}" if match else ""


def _check_override(jar: Path, release: Release) -> Path:
    found = _sha256_if_there(jar)
    if found is None:
        raise JarFetchError(f"cannot use the jar {jar}, which {JAR_VARIABLE} names: the file does not exist. Fix or unset the variable.")
    if found != release.jar_sha256:
        _log.warning("%s names %s, which is not xenon-grpc %s as released (SHA-256 %s)", JAR_VARIABLE, jar, release.version, found)
    return jar.absolute()


def _replace(jar: Path, release: Release, found: str | None) -> None:
    """Download *jar* if it is missing, or replace a damaged copy, whose hash is *found*."""
    if found is None:
        return fetch_jar(release, jar)
    _log.warning("%s is damaged: its SHA-256 is %s, not %s; downloading it again", jar, found, release.jar_sha256)
    try:
        fetch_jar(release, jar)
    except JarFetchError as error:
        raise JarChecksumError(f"{_mismatch(jar, release, found)} Downloading it again failed: {error}") from error


def _mismatch(jar: Path, release: Release, found: str) -> str:
    return (
        f"cannot use {jar} as xenon-grpc {release.version}: its SHA-256 is {found}, expected {release.jar_sha256}. "
        f"Delete it so that it is downloaded again, or set {JAR_VARIABLE} to a jar that you trust."
    )


def _sha256_if_there(path: Path) -> str | None:
    """Return the file's SHA-256 in hexadecimal (24 MB take some 20 to 70 ms), or None if it does not exist."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JarFetchError(f"cannot read the jar {path}: {error}. Make it readable, or set {JAR_VARIABLE} to another.") from error
    return digest.hexdigest()


def _download(release: Release, folder: Path) -> Path:
    """Download the distribution to *folder*; pip checks its hash.

    To read a source distribution's metadata, pip runs setup.py in an isolated environment and downloads setuptools for it, so this works
    without setuptools. Only this distribution is requested as source: ``:all:`` would also build setuptools from source.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(release.requirement + "\n", encoding="utf-8")
    kind, pattern = ("--only-binary", "*.whl") if release.packaging == "wheel" else ("--no-binary", "*.tar.gz")
    choice = ["--no-deps", kind, release.distribution, "--require-hashes", "--requirement", requirements.name]
    quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    done = subprocess.run(
        [_python(), "-m", "pip", "download", *choice, *quiet, "--dest", str(folder)],
        cwd=folder,  # also ignores a pip.py in the user's folder
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
            f"cannot download xenon-grpc {release.version}: pip download of {release.distribution} {release.distribution_version} failed "
            f"(exit code {done.returncode}). Its last lines:\n{last}\nCheck that pip can reach its index. {_OFFLINE_ADVICE}"
        )
    return archives[0]


def _python() -> str:
    if not sys.executable:
        raise JarFetchError(f"cannot download the jar: this program has no Python executable to run pip with. {_OFFLINE_ADVICE}")
    return sys.executable


def _extract(release: Release, archive: Path, destination: Path) -> None:
    """Extract the jar from *archive* to *destination* if its hash is right."""
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
    """Yield the jar in *archive* as a stream; nothing else is extracted."""
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
    return JarFetchError(f"cannot extract {wanted} ({release.jar_bytes} bytes) from {archive.name}: it has no such file. {_OFFLINE_ADVICE}")


@contextmanager
def _partial_file(destination: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file beside *destination*, which is removed at the end unless it was moved there."""
    destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=destination.parent, prefix=f".{destination.name}.", delete=False) as partial:
        try:
            yield partial
        finally:
            Path(partial.name).unlink(missing_ok=True)
