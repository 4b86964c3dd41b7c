"""Servicers that do what a test needs and note what becomes of them; as a program, the command ``xenon-server`` over them."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from pyxenon_core import messages
from pyxenon_core.errors import NoSuchPathException, PathAlreadyExistsException, PermissionDeniedException
from pyxenon_core.services import FileSystemServicer, SchedulerServicer, Servicers

PIECE = bytes(1 << 20)


class Notes:
    """What happened, in a list, and in a file where another process is to read it."""

    def __init__(self, file: Path | None = None) -> None:
        self.lines: list[str] = []
        self._file = file

    def add(self, line: str) -> None:
        """Note *line*."""
        self.lines.append(line)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(f"{line}\n")


class Files(FileSystemServicer):
    """A file is as many MiB long as its name says; ``/endless`` has no end. What a path's name says of an error is raised."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.pieces = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: dict[str, BaseException] = {
            "/missing": NoSuchPathException("Path does not exist: /missing", adaptor="file"),
            "/there": PathAlreadyExistsException("Path already exists: /there", adaptor="file"),
            "/denied": PermissionDeniedException("not yours", adaptor="file"),
            "/bug": ValueError("password=hunter2"),
            "/disk": OSError(5, "Input/output error", "/disk"),
            "/cancelled": asyncio.CancelledError(),
            "/long": NoSuchPathException("ü%" * 20_000),
            "/odd": NoSuchPathException("no such path: /\udcff"),
        }

    async def get_adaptor_names(self, request: messages.Empty, /) -> messages.AdaptorNames:
        return messages.AdaptorNames(name=["file"])

    async def exists(self, request: messages.PathRequest, /) -> messages.Is:
        path = _path(request.path)
        if path in self.errors:
            raise self.errors[path]
        return messages.Is(value=True)

    async def wait_until_done(self, request: messages.WaitUntilDoneRequest, /) -> messages.CopyStatus:
        self.notes.add("wait began")
        try:
            await asyncio.sleep(3600 if not request.timeout else request.timeout / 1000)
            await self.gate.wait()
        except asyncio.CancelledError:
            self.notes.add("wait cancelled")
            raise
        return messages.CopyStatus(done=True)

    async def list(self, request: messages.ListRequest, /) -> AsyncIterator[messages.PathAttributes]:
        for number in range(100):
            yield messages.PathAttributes(path=messages.Path(f"/{number}"), size=number)
        if _path(request.dir) == "/bad":
            yield messages.PathAttributes(path=messages.Path("/\udcff"))

    async def read_from_file(self, request: messages.PathRequest, /) -> AsyncIterator[messages.ReadFromFileResponse]:
        path = _path(request.path)
        try:
            while path == "/endless" or self.pieces < int(path[1:]):
                await self.gate.wait()
                yield messages.ReadFromFileResponse(buffer=PIECE)
                self.pieces += 1
                if self.pieces == 1:
                    self.notes.add("read began")
        finally:
            await asyncio.sleep(0.001)  # to end something takes time, also when the client has gone
            self.notes.add("read closed")

    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        total = 0
        try:
            async for request in requests:
                if request.path is not None and _path(request.path) in self.errors:
                    raise self.errors[_path(request.path)]
                await self.gate.wait()
                total += len(request.buffer)
                self.pieces += 1
                if self.pieces == 1:
                    self.notes.add("write began")
        except BaseException as error:
            self.notes.add(f"write broken by {type(error).__name__}")
            raise
        self.notes.add(f"whole file of {total}")
        return messages.Empty()


class Jobs(SchedulerServicer):
    """Says back what it is told, in a pump of its own as a real job's input has one."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        pump = asyncio.ensure_future(self._pump(requests, heard))
        try:
            yield messages.SubmitInteractiveJobResponse(job=messages.Job("1"))
            self.notes.add("job began")
            while (said := await heard.get()) is not None:
                yield messages.SubmitInteractiveJobResponse(job=messages.Job("1"), stdout=said)
            self.notes.add("job ended")
        except (asyncio.CancelledError, GeneratorExit):
            self.notes.add("job killed")
            raise
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    async def _pump(self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], heard: asyncio.Queue[bytes | None]) -> None:
        async for request in requests:
            await heard.put(request.stdin)
        self.notes.add("input ended")
        await heard.put(None)


class Services:
    """What a server serves."""

    def __init__(self, notes: Notes | None = None) -> None:
        self.notes = notes or Notes()
        self.files = Files(self.notes)
        self.jobs = Jobs(self.notes)
        self.servicers = Servicers(self.files, self.jobs)

    async def close(self) -> None:
        """Note that everything was closed."""
        self.notes.add("closed")


def _path(path: messages.Path | None) -> str:
    return path.path if path is not None else ""


def main(notes: str, *arguments: str) -> int:
    """The command over these servicers, noting what happens in a file.

    Environment variables named after the command's own times, in seconds, replace these.
    """
    from pyxenon_server import cli
    from pyxenon_server.grpc import serving

    serving.SECONDS_OF_ECHO = float(os.environ.get("SECONDS_OF_ECHO", serving.SECONDS_OF_ECHO))
    if grace := os.environ.get("SECONDS_OF_GRACE"):
        serving.serve = functools.partial(serving.serve, grace=float(grace))

    async def open_services() -> Services:
        return Services(Notes(Path(notes)))

    return cli.main(arguments, open_services)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
