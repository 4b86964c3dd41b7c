"""The trials of the servers in Docker, which need Docker and the base image.

Seconds count from before ``docker run`` to the moment that a fixture would yield, with the images built; builds are measured without the
engine's cache, on the base image.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.ground import own_servers
from benchmarks.measure import Answer, Measure, Trial
from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import ImageRecipe, ensure_image
from pyxenon_testing.servers.kinds import KINDS
from pyxenon_testing.servers.options import DEFAULT_SUITE

__all__ = ["CONTAINERS"]

_MOST_SECONDS = {"ssh": 2.0, "slurm": 6.0}


def _start(kind: str) -> Answer:
    ensure_image(KINDS[kind].image, DEFAULT_SUITE)
    with own_servers() as servers:
        start = perf_counter()
        servers.get(kind)
        return {"seconds": perf_counter() - start}


def _size(kind: str) -> Answer:
    return {"bytes": connect_engine().images.get(ensure_image(KINDS[kind].image, DEFAULT_SUITE)).attrs["Size"]}


def _memory() -> Answer:
    with own_servers() as servers:
        containers = [connect_engine().containers.get(servers.get(kind).container.name) for kind in KINDS]
        taken: list[Any] = [container.stats(stream=False) for container in containers]
    return {"bytes": sum(int(statistics["memory_stats"]["usage"]) for statistics in taken)}


def _build() -> Answer:
    with tempfile.TemporaryDirectory() as place:
        recipe = _uncached(KINDS["slurm"].image, Path(place))
        start = perf_counter()
        tag = ensure_image(recipe, DEFAULT_SUITE)
        seconds = perf_counter() - start
        connect_engine().images.remove(tag)
    return {"seconds": seconds}


def _uncached(recipe: ImageRecipe, place: Path) -> ImageRecipe:
    """Return *recipe* and its parents with a new label at the head of each Dockerfile."""
    folder = place / recipe.name
    shutil.copytree(recipe.folder, folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("FROM ${BASE}\n", f"FROM ${{BASE}}\nLABEL measured={uuid.uuid4().hex}\n"))
    return ImageRecipe(recipe.name, folder, _uncached(recipe.parent, place) if recipe.parent else None)


def _trial(rounds: int, work: Callable[[], Answer], name: str, title: str, unit: str, most: float | None) -> Trial:
    measure = Measure(name, title, unit, (("docker", ""),), most=most)
    return Trial(rounds, lambda _ground, _who: nullcontext(lambda _sample: work()), measure, warm=False)


def _of(kind: str) -> Iterator[Trial]:
    yield _trial(5, lambda: _start(kind), f"ready-{kind}", f"{kind} ready", "s", _MOST_SECONDS.get(kind))
    yield _trial(1, lambda: _size(kind), f"image-{kind}", f"image of {kind}", "MB", 450)


CONTAINERS = (
    *(trial for kind in KINDS for trial in _of(kind)),
    _trial(1, _memory, "memory-of-all", f"memory of all {len(KINDS)} together, caches included", "MB", 2000),
    _trial(1, _build, "build", "building the images of ssh and slurm", "s", 90),
)
