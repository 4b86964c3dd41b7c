"""The page about adaptors of one's own: its package is installed, and its program runs with the adaptors in it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from file_contract import CONTENT, check_ranges, pieces, seen
from pyxenon_core.errors import NoSuchPathException
from pyxenon_core.messages import DefaultCredential
from pyxenon_server.adaptors.base import FileSystem, OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from run_page import python_blocks

PAGE = Path(__file__).parent.parent / "docs" / "own-adaptors.md"
FILE_SYSTEM, SCHEDULER, PROGRAM = python_blocks(PAGE)
(PROJECT,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
SECONDS = 60
MISTAKES = """
import xenon
from xenon.exceptions import DirectoryNotEmptyException, InvalidPathException, InvalidPropertyException, NoSuchPathException

with xenon.init():
    assert "memory" in xenon.FileSystem.get_adaptor_names() and "bare" in xenon.Scheduler.get_adaptor_names()
    print(xenon.FileSystem.get_adaptor_description("memory").supported_properties[0].default_value)
    with xenon.FileSystem.create("memory", properties={"xenon.adaptors.filesystems.memory.most": "1K"}) as memory:
        for wrong in (lambda: memory.get_attributes("nothing"), lambda: memory.write_to_file("big", bytes(1025))):
            try:
                wrong()
            except (NoSuchPathException, InvalidPathException) as error:
                print(error)
    try:
        xenon.FileSystem.create("memory", properties={"xenon.adaptors.filesystems.memory.most": "much"})
    except InvalidPropertyException as error:
        print(error)
    with xenon.Scheduler.create("bare") as scheduler:
        job = scheduler.submit_batch_job(xenon.JobDescription(executable="sleep", arguments=["100"]))
        print(scheduler.wait_until_running(job, timeout=1000).running, scheduler.cancel_job(job).known_exit_code)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's package, installed."""
    project, site = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("site")
    (project / "own").mkdir()
    for name, text in {"pyproject.toml": PROJECT, "own/filesystems.py": FILE_SYSTEM, "own/schedulers.py": SCHEDULER}.items():
        (project / name).write_text(text, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(project)]
    subprocess.run(pip, check=True, timeout=SECONDS)
    return site


def run(program: str, site: Path, folder: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS, cwd=folder, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_program_of_the_page(site: Path, tmp_path: Path) -> None:
    assert run(PROGRAM, site, tmp_path) == ["DONE b'it works\\n'", "0"]


def test_the_file_system_of_the_page_holds_to_the_contract(tmp_path: Path) -> None:
    async def check(adaptor: type[FileSystem]) -> None:
        properties = Properties.check(adaptor.name, adaptor.properties, {})
        files = await adaptor.open(OpenRequest("", DefaultCredential(), properties, Resources(tmp_path)))
        await files.create_directory("/folder")
        await check_ranges(files, "/folder")
        await files.create_directory("/folder/inner")
        await files.write("/folder/inner/file", pieces(b"x"))
        await files.delete_tree("/folder/inner")
        assert await seen(files, "/") == {"folder": {"file": CONTENT, "empty": b""}}
        with pytest.raises(NoSuchPathException):
            await files.delete_tree("/folder/inner")
        assert await files.checksum("/folder/file", "sha256") is None

    page: dict[str, type[FileSystem]] = {}
    exec(FILE_SYSTEM, page)
    asyncio.run(check(page["MemoryFileSystem"]))


def test_what_comes_with_an_adaptor(site: Path, tmp_path: Path) -> None:
    default, missing, too_large, invalid, cancelled = run(MISTAKES, site, tmp_path)
    assert default == "1M"
    assert missing.startswith("get_attributes 'nothing' failed: there is nothing with that name")
    assert "it would have 1025 bytes. Raise the property xenon.adaptors.filesystems.memory.most." in too_large
    assert "xenon.adaptors.filesystems.memory.most cannot be 'much'" in invalid
    assert cancelled == "True None"
