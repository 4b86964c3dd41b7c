"""How fast the servers in Docker are ready, and what they take: ``python -m benchmarks.containers``.

Needs Docker and the base image. Seconds count from before ``docker run`` to the moment that a fixture would yield, with the images built;
builds are measured without the engine's cache, on the base image.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyxenon_testing.client import Client
from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import ImageRecipe, ensure_image
from pyxenon_testing.engine.ownership import Owner
from pyxenon_testing.servers.kinds import KINDS
from pyxenon_testing.servers.options import DEFAULT_SUITE, ServerOptions
from pyxenon_testing.servers.running import Servers, session_folder

RUNS = 5
SECONDS_TO_BE_READY = {"ssh": 2.0, "slurm": 6.0}
SECONDS_TO_BUILD = 90.0
MOST_IMAGE = 450e6
MOST_MEMORY = 2e9


def main() -> int:
    """Print the measurements; returns 1 when a bound does not hold."""
    verdicts = [*ready(), *sizes(), memory(), build()]
    return 0 if all(verdicts) else 1


@contextmanager
def session() -> Iterator[Servers]:
    """Servers of their own, taken away at the end."""
    owner = Owner.this_process(uuid.uuid4().hex)
    folder = session_folder(owner)
    servers = Servers(folder, owner, Client("java:", folder / "home"))
    try:
        yield servers
    finally:
        servers.remove()


def verdict(text: str, value: float, bound: float | None, unit: str) -> bool:
    """Print a line, and return whether *value* is within *bound*."""
    holds = bound is None or value <= bound
    print(
        f"{'    ' if bound is None else 'pass' if holds else 'FAIL'} {text}: {value:.2f} {unit}{f', at most {bound:g}' if bound else ''}",
        flush=True,
    )
    return holds


def ready() -> Iterator[bool]:
    """How long each kind takes until it serves."""
    for kind in KINDS.values():
        ensure_image(kind.image, DEFAULT_SUITE)
        seconds = []
        for _ in range(RUNS):
            with session() as servers:
                begun = time.monotonic()
                servers.get(kind.name)
                seconds.append(time.monotonic() - begun)
        yield verdict(f"{kind.name} ready, median of {RUNS}", statistics.median(seconds), SECONDS_TO_BE_READY.get(kind.name), "s")


def sizes() -> Iterator[bool]:
    """How large each image is."""
    for kind in KINDS.values():
        image = connect_engine().images.get(ensure_image(kind.image, DEFAULT_SUITE))
        yield verdict(f"image of {kind.name}", image.attrs["Size"] / 1e6, MOST_IMAGE / 1e6, "MB")


def memory() -> bool:
    """What all kinds take while they are up together."""
    with session() as servers:
        names = [servers.get(name, ServerOptions()).container.name for name in KINDS]
        used = sum(memory_of(name) for name in names)
    return verdict(f"memory of all {len(names)} together, caches included", used / 1e6, MOST_MEMORY / 1e6, "MB")


def memory_of(container: str) -> int:
    """What *container* takes, in bytes."""
    statistics_now: Any = connect_engine().containers.get(container).stats(stream=False)
    return int(statistics_now["memory_stats"]["usage"])


def build() -> bool:
    """How long the images of ssh and Slurm take to build, with nothing cached but the base."""
    with tempfile.TemporaryDirectory() as place:
        recipe = _uncached(KINDS["slurm"].image, Path(place))
        begun = time.monotonic()
        tag = ensure_image(recipe, DEFAULT_SUITE)
        seconds = time.monotonic() - begun
        connect_engine().images.remove(tag)
    return verdict("building the images of ssh and slurm", seconds, SECONDS_TO_BUILD, "s")


def _uncached(recipe: ImageRecipe, place: Path) -> ImageRecipe:
    """*recipe* and its parents with something new at the head of each Dockerfile."""
    folder = place / recipe.name
    shutil.copytree(recipe.folder, folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("FROM ${BASE}\n", f"FROM ${{BASE}}\nLABEL measured={uuid.uuid4().hex}\n"))
    return ImageRecipe(recipe.name, folder, _uncached(recipe.parent, place) if recipe.parent else None)


if __name__ == "__main__":
    sys.exit(main())
