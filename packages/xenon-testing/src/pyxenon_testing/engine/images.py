"""Images, built from packaged Dockerfiles at first use, and tagged with the hash of all their inputs.

An image whose inputs have not changed is found under its tag and not built again; changed inputs give another tag. A lock for each tag
ensures that processes that need the same image at once build it only once.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from pyxenon_testing.engine.connection import asking, connect_engine
from pyxenon_testing.engine.folders import private_folder
from pyxenon_testing.errors import BaseImageError, ImageBuildError

__all__ = ["DEFAULT_BASE", "REPOSITORY", "ImageRecipe", "Progress", "base_image_id", "base_name", "ensure_image"]

REPOSITORY = "pyxenon-testing"
DEFAULT_BASE = "debian:{suite}-slim"
HASH_LENGTH = 12
LINES_OF_THE_BUILD = 25
Progress = Callable[[str], None]
_log = logging.getLogger("xenon.testing")
# The variables of the environment that a build needs to reach the packages through a proxy. They are not inputs.
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@attrs.frozen
class ImageRecipe:
    """The recipe of an image.

    Attributes:
        name: The kind of server, such as ``ssh``; part of the tag.
        folder: The folder with its ``Dockerfile`` and all files that it copies.
        parent: The recipe of the image it is built on; None for the base image.
        fetch: Puts files that are not packaged, such as a download, into the given folder; called only before a build. The files must be
            pinned in *inputs*.
        inputs: Further inputs of the build, such as the pin of a download.
    """

    name: str
    folder: Path
    parent: ImageRecipe | None = None
    fetch: Callable[[Path], None] | None = attrs.field(default=None, eq=False)
    inputs: tuple[str, ...] = ()


def ensure_image(recipe: ImageRecipe, suite: str, base: str = DEFAULT_BASE, progress: Progress = _log.info) -> str:
    """Return the tag of the image of *recipe* on Debian's *suite*; build the image if it does not exist.

    *base* names the base image; ``{suite}`` in it is replaced. Raises BaseImageError and ImageBuildError.
    """
    parent = ensure_image(recipe.parent, suite, base, progress) if recipe.parent else base_name(base, suite)
    came_from = parent if recipe.parent else f"{parent} {base_image_id(parent, progress)}"
    tag = f"{REPOSITORY}/{recipe.name}:{suite}-{_hash(recipe, came_from)[:HASH_LENGTH]}"
    if not _is_here(tag):
        with build_lock(tag):
            if not _is_here(tag):  # another process built it meanwhile
                _build(recipe, tag, parent, progress)
    return tag


def base_name(base: str, suite: str) -> str:
    """Return the name of the base image for *suite*; raises :class:`BaseImageError` if *base* is invalid."""
    try:
        name = base.format(suite=suite)
    except (IndexError, KeyError, ValueError) as error:
        raise BaseImageError(f"cannot build on the image {base!r}: only {{suite}} is replaced in it, not {error}") from error
    if not name:
        raise BaseImageError(f"cannot build on an image without a name; use {DEFAULT_BASE}")
    return name


def base_image_id(name: str, progress: Progress = _log.info) -> str:
    """Return the id of the base image *name*; pull it if it is missing. Raises :class:`BaseImageError` if that fails."""
    from docker.errors import APIError, ImageNotFound
    from docker.utils import parse_repository_tag

    engine = connect_engine()
    with asking(f"look for the image {name}"):
        try:
            return str(engine.images.get(name).id)
        except ImageNotFound:
            progress(f"pulling {name}")
        repository, tag = parse_repository_tag(name)
        try:
            return str(engine.images.pull(repository, tag=tag or "latest").id)
        except APIError as error:
            suite = (tag or "bookworm").removesuffix("-slim")
            raise BaseImageError(
                f"cannot get the image {name} to build on: it is not on this engine, and pulling it failed: {error.explanation or error}. "
                f"Without access to a registry, create it: xenon-testing base-image {suite}"
            ) from error


def build_lock(tag: str) -> Any:
    """Return the lock between processes that build *tag*."""
    import filelock

    folder = private_folder() / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return filelock.FileLock(folder / f"{tag.replace('/', '_').replace(':', '_')}.lock")


def _is_here(tag: str) -> bool:
    from docker.errors import ImageNotFound

    with asking(f"look for the image {tag}"):
        try:
            connect_engine().images.get(tag)
        except ImageNotFound:
            return False
        return True


def _hash(recipe: ImageRecipe, came_from: str) -> str:
    digest = hashlib.sha256()
    for part in (came_from, *recipe.inputs):
        digest.update(part.encode() + b"\0")
    for path in _files(recipe.folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(recipe.folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _build(recipe: ImageRecipe, tag: str, parent: str, progress: Progress) -> None:
    progress(f"building {tag}")
    with tempfile.TemporaryDirectory(prefix="pyxenon-image-") as name:
        fetched = Path(name)
        if recipe.fetch:
            recipe.fetch(fetched)
        context = _context((recipe.folder, fetched))
    lines: list[str] = []
    for message in _messages(context, tag, parent):
        lines += str(message.get("stream", "")).splitlines()
        if "error" in message:
            raise ImageBuildError(_failure(recipe, tag, parent, str(message["error"]), lines))
    progress(f"built {tag}")


def _messages(context: io.BytesIO, tag: str, parent: str) -> Iterator[Mapping[str, Any]]:
    from docker.errors import APIError

    arguments = {"BASE": parent} | {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}
    api = connect_engine().api
    # The host's network, because on clusters and in CI containers often cannot resolve names or reach the internet.
    options: dict[str, Any] = {"network_mode": "host", "rm": True, "forcerm": True, "decode": True, "custom_context": True}
    with asking(f"build the image {tag}"):
        try:
            yield from api.build(fileobj=context, tag=tag, buildargs=arguments, **options)
        except APIError as error:
            yield {"error": error.explanation or str(error)}


def _context(folders: Iterable[Path]) -> io.BytesIO:
    """Return the files as a tar archive; files that begin with ``#!`` are executable, whatever mode an installer gave them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in folders:
            for path in _files(folder):
                content = path.read_bytes()
                entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                entry.size, entry.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
                archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _failure(recipe: ImageRecipe, tag: str, parent: str, error: str, lines: list[str]) -> str:
    last = "\n".join(f"    {line}" for line in lines[-LINES_OF_THE_BUILD:])
    again = f"docker build --network host --build-arg BASE={parent} {recipe.folder}"
    return (
        f"cannot build the image {tag} from {recipe.folder / 'Dockerfile'}: {error}\nIts last lines were:\n{last}\nTo look further: {again}"
    )
