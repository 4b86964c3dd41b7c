"""Adaptors of third parties, found through entry points, and what a broken one may not do to the others."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyxenon_core
from pyxenon_core.errors import (
    InvalidCredentialException,
    InvalidLocationException,
    InvalidPropertyException,
    UnknownAdaptorException,
    UnknownPropertyException,
    XenonError,
)
from pyxenon_core.messages import PasswordCredential

ROOT = Path(__file__).parents[4]
ADAPTOR = '''
from pyxenon_core.errors import NoSuchPathException
from pyxenon_core.messages import Path, PathAttributes
from pyxenon_server.adaptors.base import FileSystem
from pyxenon_server.adaptors.properties import natural

DEPTH = natural("my.adaptors.filesystems.mine.depth", 3, "How deep it is.")
closed = []


class Mine(FileSystem):
    """A file system with one file."""

    name = "mine"
    description = "A file system of a third party."
    locations = ("anywhere",)
    properties = (DEPTH,)

    @classmethod
    async def open(cls, request):
        return cls(request)

    async def close(self):
        closed.append(self.request.location)

    async def start_directory(self):
        return "/start/./"

    async def attributes(self, path):
        if path != "/start/file":
            raise NoSuchPathException("there is one file only", adaptor=self.name)
        return PathAttributes(path=Path(path), is_regular=True, size=self.request.properties[DEPTH])

    async def list(self, path):
        yield [await self.attributes("/start/file")]

    async def read(self, path, offset=0, length=None):
        yield b"mine"

    async def write(self, path, data, *, replace=False, size=0, permissions=None):
        pass

    create_file = create_directory = delete = attributes


class Other:
    """No adaptor."""
'''
POINTS = """[xenon.filesystems]
mine = their_adaptors:Mine
missing = their_adaptors_that_are_not_there:Mine
other = their_adaptors:Other
misnamed = their_adaptors:Mine
absent = their_adaptors:Absent
[xenon.schedulers]
exploding = their_exploding_adaptor:Any
"""
BROKEN = {
    "missing": "ModuleNotFoundError",
    "other": "is not a subclass of pyxenon_server.adaptors.base.FileSystem",
    "misnamed": "has a different name, mine, in its class",
    "absent": "AttributeError",
}


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip would install it."""
    (tmp_path / "their_adaptors.py").write_text(ADAPTOR, encoding="utf-8")
    (tmp_path / "their_exploding_adaptor.py").write_text("raise RuntimeError('the library it needs is too old')\n", encoding="utf-8")
    information = tmp_path / "their_adaptors-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: their-adaptors\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("their_adaptors", "their_exploding_adaptor"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("_installed")
async def test_an_adaptor_of_a_third_party_is_like_any_other() -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        assert "mine" in await client.filesystems.get_adaptor_names()
        described = await client.filesystems.get_adaptor_description("mine")
        assert (described.description, described.supported_locations) == ("A file system of a third party.", ["anywhere"])
        assert [(item.name, item.default_value) for item in described.supported_properties] == [("my.adaptors.filesystems.mine.depth", "3")]
        files = await client.filesystems.create("mine", "here", {"my.adaptors.filesystems.mine.depth": "7"})
        assert str(await files.get_working_directory()) == "/start"
        assert (await files.get_attributes("file")).size == 7
        assert [piece async for piece in files.read_from_file("file")] == [b"mine"]
        assert not await files.exists("nothing")
        assert await files.get_location() == "here"
        await files.close()
        assert sys.modules["their_adaptors"].closed == ["here"]
        await client.filesystems.create("mine", "there")
    assert sys.modules["their_adaptors"].closed == ["here", "there"]


@pytest.mark.usefixtures("_installed")
async def test_a_broken_adaptor_says_so_and_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        with caplog.at_level(logging.WARNING, "xenon.server"):
            described = {item.name: item for item in await client.filesystems.get_adaptor_descriptions()}
            schedulers = {item.name: item for item in await client.schedulers.get_adaptor_descriptions()}
        assert sorted(described) == await client.filesystems.get_adaptor_names()
        assert described["file"].supports_rename and described["mine"].description == "A file system of a third party."
        assert schedulers["local"].supports_batch
        assert "too old" in schedulers["exploding"].description
        for name, words in BROKEN.items():
            assert words in described[name].description and not described[name].supports_rename
            assert f"the adaptor {name} " in caplog.text
            for ask in (client.filesystems.get_adaptor_description(name), client.filesystems.create(name)):
                with pytest.raises(XenonError, match=words) as caught:
                    await ask
                assert "their-adaptors" in str(caught.value) and "Reinstall" in str(caught.value)


async def test_what_cannot_be_created() -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        create = client.filesystems.create
        with pytest.raises(UnknownAdaptorException, match=r"unknown adaptor 'fiel'.*did you mean 'file'"):
            await create("fiel")
        released = json.loads((ROOT / "protos/adaptors.json").read_text(encoding="utf-8"))
        for kind, adaptors in ((client.filesystems, released["filesystems"]), (client.schedulers, released["schedulers"])):
            for name in {adaptor["name"] for adaptor in adaptors} - set(await kind.get_adaptor_names()):
                with pytest.raises(UnknownAdaptorException, match=r"The Java server has it: pip install .* 'java:'"):
                    await kind.create(name)
        with pytest.raises(UnknownAdaptorException, match=r"'local' is a scheduler adaptor, .* Scheduler\.create"):
            await create("local")
        with pytest.raises(UnknownAdaptorException, match=r"'file' is a file system adaptor, .* FileSystem\.create"):
            await client.schedulers.create("file")
        with pytest.raises(UnknownAdaptorException, match="unknown adaptor ''"):
            await create("")
        with pytest.raises(InvalidLocationException, match="absolute"):
            await create("file", "relative/path")
        with pytest.raises(InvalidLocationException, match="null"):
            await create("file", "/a\0b")
        with pytest.raises(UnknownPropertyException, match=r"did you mean xenon\.adaptors\.filesystems\.file\.bufferSize"):
            await create("file", "", {"xenon.adaptors.filesystems.file.buffersize": "1"})
        with pytest.raises(InvalidPropertyException, match="bufferSize cannot be '0'"):
            await create("file", "", {"xenon.adaptors.filesystems.file.bufferSize": "0"})
        with pytest.raises(InvalidCredentialException, match="a PasswordCredential is not supported") as caught:
            await create("file", password_credential=PasswordCredential("me", "secret-word"))
        assert "secret-word" not in f"{caught.value}{caught.value!r}{caught.value.__dict__}"
        assert await client.filesystems.list_file_systems() == []
