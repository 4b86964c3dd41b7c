"""Create a base image on this machine with debootstrap, for use without a registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import DEFAULT_BASE, Progress
from pyxenon_testing.errors import BaseImageError

if TYPE_CHECKING:
    import docker

__all__ = ["make_base_image", "mirrors"]

SCRIPTS = Path("/usr/share/debootstrap/scripts")
LINES_OF_THE_LOG = 15
# The content of these folders is removed, as in Debian's slim images.
NOT_KEPT = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists", "var/log")
_EXCLUSIONS = (
    "path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/info/*\npath-exclude=/usr/share/locale/*\n"
)
_SUITE = re.compile(r"[a-z]+\Z")


def make_base_image(suite: str, base: str = DEFAULT_BASE, progress: Progress = print, apt: Path = Path("/etc/apt")) -> str:
    """Create the image ``debian:SUITE-slim``, or *base*, with debootstrap, and return its name. Takes half a minute.

    Packages come from this machine's mirror, as configured in *apt*. Raises :class:`BaseImageError` if debootstrap is missing or fails, or
    this user is not root.
    """
    _require_able(suite)
    engine = connect_engine()
    name = base.format(suite=suite)
    with tempfile.TemporaryDirectory(prefix="pyxenon-base-") as folder:
        root = Path(folder) / "root"
        mirror = next(iter(mirrors(apt)), None)
        progress(f"installing Debian {suite}")
        _debootstrap(suite, root, mirror)
        _prepare(root, suite, mirror)
        progress(f"importing it as {name}")
        _import(engine, root, name)
    progress(f"made {name}")
    return name


def _require_able(suite: str) -> None:
    if not _SUITE.match(suite):
        raise BaseImageError(f"cannot make a base image for the suite {suite!r}: a suite is one word, such as bookworm")
    if shutil.which("debootstrap") is None:
        raise BaseImageError(f"cannot make a base image for {suite}: debootstrap is missing (Debian: apt-get install debootstrap)")
    if os.geteuid() != 0:
        raise BaseImageError(f"cannot make a base image for {suite}: debootstrap needs root. Use sudo")


def mirrors(apt: Path) -> Iterator[str]:
    """Yield the addresses of the Debian mirrors that this machine uses, that of the main archive first."""
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.suffix in (".list", ".sources") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found = re.findall(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+)", text, re.MULTILINE)
            yield from (address for address in found if address.rstrip("/").endswith("/debian"))


def _debootstrap(suite: str, root: Path, mirror: str | None) -> None:
    # A suite that is newer than debootstrap is installed like sid.
    script = [] if (SCRIPTS / suite).exists() else [str(SCRIPTS / "sid")]
    places = [mirror or "", *script] if mirror or script else []
    command = ["debootstrap", "--variant=minbase", suite, str(root), *places]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-LINES_OF_THE_LOG:])
        raise BaseImageError(f"cannot make a base image for {suite}: {' '.join(command)} ended with {done.returncode}:\n{last}")


def _prepare(root: Path, suite: str, mirror: str | None) -> None:
    for name in NOT_KEPT:
        for path in (root / name).glob("*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(_EXCLUSIONS)
    if mirror:
        (root / "etc/apt/sources.list").write_text(f"deb {mirror} {suite} main\n")
    settings = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False)
    (root / "etc/apt/apt.conf.d/90host").write_text(settings.stdout)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if mirror and mirror.startswith("https:") and bundle.is_file():
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle, root / bundle.relative_to("/"))


def _import(engine: docker.DockerClient, root: Path, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    with subprocess.Popen(["tar", "--numeric-owner", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as archive:
        if archive.stdout is None:
            raise BaseImageError(f"cannot make {name}: the output of tar cannot be read")
        engine.api.import_image_from_stream(archive.stdout, repository=repository, tag=tag, changes=['CMD ["bash"]'])
    if archive.returncode:
        raise BaseImageError(f"cannot make {name}: tar ended with {archive.returncode}")
