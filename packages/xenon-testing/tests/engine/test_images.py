"""Images are built once for what goes into them, and a failure to build says what to do."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import DEFAULT_BASE, ImageRecipe, ensure_image
from pyxenon_testing.errors import BaseImageError, ImageBuildError
from pyxenon_testing.servers.kinds import KINDS

MOST_BYTES = 450_000_000
SUITE = "bookworm"


@pytest.fixture
def recipe(tmp_path: Path, xenon_container: object) -> Iterator[ImageRecipe]:
    """A recipe that nobody else has, whose images are removed after the test."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nCOPY greeting /greeting\n")
    (folder / "greeting").write_text(uuid.uuid4().hex)
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield ImageRecipe(name, folder)
    for image in connect_engine().images.list(f"pyxenon-testing/{name}"):
        for tag in image.tags:  # by tag, since one may stand on another
            connect_engine().images.remove(tag)


def test_an_unchanged_image_is_not_built_again(recipe: ImageRecipe) -> None:
    told: list[str] = []
    first = ensure_image(recipe, SUITE, progress=told.append)
    assert [line.split()[0] for line in told] == ["building", "built"]
    assert ensure_image(recipe, SUITE, progress=told.append) == first
    assert len(told) == 2


def printed_by(image: str, *command: str) -> bytes:
    """What *command* prints in a container of *image*: asked for once it has ended, since a log that is followed may begin too late."""
    container = connect_engine().containers.create(image, list(command))
    try:
        container.start()
        container.wait(timeout=60)
        printed: bytes = container.logs()
        return printed
    finally:
        container.remove(force=True)


def test_a_changed_image_is_built_anew(recipe: ImageRecipe) -> None:
    first = ensure_image(recipe, SUITE)
    (recipe.folder / "greeting").write_text("hello")
    second = ensure_image(recipe, SUITE)
    assert second != first
    assert printed_by(second, "cat", "/greeting") == b"hello"


def test_what_an_image_stands_on_is_part_of_it(recipe: ImageRecipe, tmp_path: Path) -> None:
    child = tmp_path / "child"
    child.mkdir()
    (child / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true\n")
    recipe_of_child = ImageRecipe(recipe.name, child, recipe)
    first = ensure_image(recipe_of_child, SUITE)
    (recipe.folder / "greeting").write_text("hello")
    assert ensure_image(recipe_of_child, SUITE) != first


def test_a_pin_is_part_of_it(recipe: ImageRecipe) -> None:
    pinned = ImageRecipe(recipe.name, recipe.folder, inputs=("thing==1.0",))
    assert ensure_image(pinned, SUITE) != ensure_image(recipe, SUITE)


def test_processes_that_want_it_at_once_build_it_once(recipe: ImageRecipe) -> None:
    (recipe.folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nCOPY greeting /greeting\nRUN sleep 2\n")
    program = textwrap.dedent(f"""
        from pathlib import Path
        from pyxenon_testing.engine.images import ImageRecipe, ensure_image
        ensure_image(ImageRecipe({recipe.name!r}, Path({str(recipe.folder)!r})), {SUITE!r}, progress=print)
    """)
    children = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    output = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert "".join(output).count("building") == 1


def test_a_script_is_executable_whatever_its_file_was(recipe: ImageRecipe) -> None:
    (recipe.folder / "greeting").write_text("#!/bin/sh\necho hello\n")
    (recipe.folder / "greeting").chmod(0o600)
    assert printed_by(ensure_image(recipe, SUITE), "/greeting") == b"hello\n"


def test_a_broken_dockerfile_says_what_failed_and_how_to_look_further(recipe: ImageRecipe) -> None:
    (recipe.folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo before it broke && nonsense --option\n")
    with pytest.raises(ImageBuildError) as caught:
        ensure_image(recipe, SUITE)
    text = str(caught.value)
    assert text.startswith(f"cannot build the image pyxenon-testing/{recipe.name}:bookworm-")
    assert "before it broke" in text
    assert "nonsense: not found" in text
    assert f"To look further: docker build --network host --build-arg BASE=debian:bookworm-slim {recipe.folder}" in text


def test_a_dockerfile_that_cannot_be_read_is_a_readable_failure(recipe: ImageRecipe) -> None:
    (recipe.folder / "Dockerfile").write_text("NONSENSE\n")
    with pytest.raises(ImageBuildError, match=r"(?i)unknown instruction"):
        ensure_image(recipe, SUITE)


def test_a_base_that_cannot_be_had_says_how_to_make_it(recipe: ImageRecipe) -> None:
    with pytest.raises(BaseImageError, match="xenon-testing base-image nonsense"):
        ensure_image(recipe, "nonsense", "localhost:1/debian:{suite}-slim")


def test_the_images_are_small(xenon_container: object) -> None:
    sizes = {}
    for kind in KINDS.values():
        image = connect_engine().images.get(ensure_image(kind.image, SUITE, DEFAULT_BASE))
        sizes[kind.name] = image.attrs["Size"]
    assert len(sizes) == len(KINDS)
    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}
