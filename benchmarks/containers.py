"""The trials of the servers in Docker, which need Docker and the base image.

Seconds count from before ``docker run`` to the moment that a fixture would yield, with the images built; builds are measured without the
engine's cache, on the base image.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.ground import Ground, own_servers
from benchmarks.measure import Answer, Doer, GetReady, Measure, Trial
from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import ImageRecipe, ensure_image
from pyxenon_testing.servers.kinds import KINDS
from pyxenon_testing.servers.options import DEFAULT_SUITE

__all__ = ["CONTAINERS"]

_DOCKER = (("docker", ""),)
_MOST_SECONDS = {"ssh": 2.0, "slurm": 6.0}


def _doing(work: Callable[[], Answer]) -> GetReady:
    @contextmanager
    def ready(_ground: Ground, _who: Contender) -> Iterator[Doer]:
        yield lambda _sample: work()

    return ready


def _ready(kind: str) -> Answer:
    """Measure the time from starting a server until it serves."""
    ensure_image(KINDS[kind].image, DEFAULT_SUITE)
    with own_servers() as servers:
        start = time.monotonic()
        servers.get(kind)
        return {"seconds": time.monotonic() - start}


def _size(kind: str) -> Answer:
    """Measure the size of an image."""
    return {"bytes": connect_engine().images.get(ensure_image(KINDS[kind].image, DEFAULT_SUITE)).attrs["Size"]}


def _memory() -> Answer:
    """Measure the memory of all kinds while they are up together."""
    with own_servers() as servers:
        containers = [connect_engine().containers.get(servers.get(kind).container.name) for kind in KINDS]
        taken: list[Any] = [container.stats(stream=False) for container in containers]
    return {"bytes": sum(int(statistics["memory_stats"]["usage"]) for statistics in taken)}


def _build() -> Answer:
    """Measure building the images of ssh and Slurm, with nothing cached but the base."""
    with tempfile.TemporaryDirectory() as place:
        recipe = _uncached(KINDS["slurm"].image, Path(place))
        start = time.monotonic()
        tag = ensure_image(recipe, DEFAULT_SUITE)
        seconds = time.monotonic() - start
        connect_engine().images.remove(tag)
    return {"seconds": seconds}


def _uncached(recipe: ImageRecipe, place: Path) -> ImageRecipe:
    """*recipe* and its parents with something new at the head of each Dockerfile."""
    folder = place / recipe.name
    shutil.copytree(recipe.folder, folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("FROM ${BASE}\n", f"FROM ${{BASE}}\nLABEL measured={uuid.uuid4().hex}\n"))
    return ImageRecipe(recipe.name, folder, _uncached(recipe.parent, place) if recipe.parent else None)


def _of(kind: str) -> Iterator[Trial]:
    yield Trial(
        5, _doing(lambda: _ready(kind)), Measure(f"ready-{kind}", f"{kind} ready", "s", _DOCKER, most=_MOST_SECONDS.get(kind)), warm=False
    )
    yield Trial(1, _doing(lambda: _size(kind)), Measure(f"image-{kind}", f"image of {kind}", "MB", _DOCKER, most=450), warm=False)


_TOGETHER = Measure("memory-of-all", f"memory of all {len(KINDS)} together, caches included", "MB", _DOCKER, most=2000)
_BUILDING = Measure("build", "building the images of ssh and slurm", "s", _DOCKER, most=90)
CONTAINERS = (
    *(trial for kind in KINDS for trial in _of(kind)),
    Trial(1, _doing(_memory), _TOGETHER, warm=False),
    Trial(1, _doing(_build), _BUILDING, warm=False),
)
