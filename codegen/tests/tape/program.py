"""A program that uses, and a server that serves, what was generated for the tapes; it is type-checked and then run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import assert_type

from pyxenon.tape import Tape

import pyxenon
import xenon
from pyxenon.filesystem import FileSystem
from pyxenon.handle import ResponseStream
from pyxenon_core import Path, messages
from pyxenon_core._generated import views
from pyxenon_core.channels.inprocess import InProcessChannel
from pyxenon_core.client import Client
from pyxenon_core.errors import NoSuchPathException
from pyxenon_core.services import FileSystemServicer, SchedulerServicer, Servicers, TapeServicer
from pyxenon_core.targets import InProcessEndpoint


class Files(FileSystemServicer):
    """A file system that serves what is new, and nothing of what is old but its creation."""

    def __init__(self) -> None:
        self.patches: list[messages.PatchFileRequest] = []

    async def create(self, request: messages.CreateFileSystemRequest, /) -> messages.FileSystem:
        return messages.FileSystem(id="files")

    async def get_free_space(self, request: messages.PathRequest, /) -> messages.GetFreeSpaceResponse:
        assert request.filesystem == messages.FileSystem(id="files")
        if request.path is None or request.path.path != "/data":
            raise NoSuchPathException("nothing is there")
        return messages.GetFreeSpaceResponse(bytes=2**63)

    async def watch(self, request: messages.PathRequest, /) -> AsyncIterator[messages.WatchEvent]:
        assert request.path is not None
        yield messages.WatchEvent(path=request.path, kind=messages.WatchEvent.GONE, links={"a": messages.Path(path="/a")})
        yield messages.WatchEvent(path=request.path)

    async def patch_file(self, requests: AsyncIterator[messages.PatchFileRequest], /) -> messages.Empty:
        self.patches += [request async for request in requests]
        return messages.Empty()


class Robot(TapeServicer):
    """A robot with two tapes."""

    def __init__(self) -> None:
        self.imports: list[messages.ImportRequest] = []
        self.timeouts: list[int] = []

    async def create(self, request: messages.CreateTapeRequest, /) -> messages.Tape:
        return messages.Tape(id=request.robot)

    async def local_tapes(self, request: messages.Empty, /) -> messages.Tapes:
        return messages.Tapes(tapes=[messages.Tape(id="one"), messages.Tape(id="two")])

    async def import_(self, request: messages.ImportRequest, /) -> messages.ImportResponse:
        self.imports.append(request)
        return messages.ImportResponse(files=7)

    async def wait_until_done(self, request: messages.MoveRequest, /) -> messages.MoveStatus:
        self.timeouts.append(request.timeout)
        return messages.MoveStatus(done=True)

    async def listen(self, requests: AsyncIterator[messages.ListenRequest], /) -> AsyncIterator[messages.Sound]:
        first = await anext(requests)
        yield messages.Sound(tape=first.tape)
        yield messages.Sound(noise=first.channel.encode())
        async for request in requests:
            if request.voice:
                yield messages.Sound(noise=request.voice.upper())


async def use_asynchronously(files: Files, robot: Robot, endpoint: InProcessEndpoint) -> None:
    """Call every new method, with what it takes and what it gives held to its type."""
    client = Client(InProcessChannel(endpoint), endpoint)
    filesystem = await client.filesystems.create("file")
    assert assert_type(await filesystem.get_free_space("/data"), int) == 2**63
    try:
        await filesystem.get_free_space("/nowhere")
    except NoSuchPathException as error:
        assert "/nowhere" in str(error)
    else:
        raise AssertionError("no error came through")
    events = [assert_type(event, views.WatchEvent) async for event in filesystem.watch("/data")]
    assert [assert_type(event.path, Path) for event in events] == [Path("/data"), Path("/data")]
    assert [event.kind for event in events] == [messages.WatchEventKind.GONE, messages.WatchEventKind.MADE]
    assert events[0].links == {"a": messages.Path(path="/a")}
    await filesystem.patch_file("/data", [b"one", b"two"], backup=True)
    assert files.patches[0].path == messages.Path(path="/data", separator="/")
    assert files.patches[0].backup
    assert b"".join(request.patch for request in files.patches) == b"onetwo"
    tape = await client.tapes.create("left")
    assert repr(tape) == "<Tape 'left'>"
    assert [one.handle.id for one in await client.tapes.local_tapes()] == ["one", "two"]
    count = await tape.import_(filesystem, "fast", passes=[messages.Level.HIGH], labels={"a": "b"}, speed=0)
    assert assert_type(count, int) == 7
    request = robot.imports[-1]
    assert request.from_ == messages.FileSystem(id="files")
    assert (request.class_, request.speed, request.level, request.passes) == ("fast", 0, messages.Level.LOW, [messages.Level.HIGH])
    assert request.default_credential is None
    assert assert_type(await tape.wait_until_done(timeout=1500), messages.MoveStatus).done
    assert robot.timeouts
    held, sounds = await tape.listen("radio", [b"hello"])
    assert assert_type(held, messages.Tape) == messages.Tape(id="left")
    assert b"".join([sound.noise async for sound in sounds]) == b"radioHELLO"


def use_synchronously(filesystem: FileSystem) -> None:
    """The same through the synchronous methods."""
    assert assert_type(filesystem.get_free_space("/data"), int) == 2**63
    assert [event.path for event in filesystem.watch("/data")] == [Path("/data"), Path("/data")]
    filesystem.patch_file("/data", b"all at once")
    tape = assert_type(Tape.create("right"), Tape)
    assert [assert_type(one, Tape).core.handle.id for one in Tape.local_tapes()] == ["one", "two"]
    assert assert_type(tape.import_(filesystem, "slow", []), int) == 7
    assert assert_type(tape.wait_until_done(), messages.MoveStatus).done
    held, sounds = tape.listen("radio", [b"hello"])
    assert_type(sounds, ResponseStream[messages.Sound])
    assert held == messages.Tape(id="right")
    assert b"".join(sound.noise for sound in sounds) == b"radioHELLO"


def main() -> None:
    """Serve both, and use both ways."""
    files, robot = Files(), Robot()
    servicers = Servicers(files, SchedulerServicer(), robot)
    asyncio.run(use_asynchronously(files, robot, InProcessEndpoint(servicers)))
    endpoint = InProcessEndpoint(servicers)  # anew, since the loop of the first has ended
    setattr(pyxenon.session, "open_target", lambda target: endpoint)  # noqa: B010 - the type of a function cannot be assigned to
    with xenon.init(target="embedded:"):
        use_synchronously(FileSystem.create("file"))
    print("all is well")


if __name__ == "__main__":
    main()
