"""Data that callers stream to a server, cut into pieces of bytes that every server accepts, and sent as soon as available."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar, cast

from pyxenon_core.thread_iterator import iterate_in_thread

if TYPE_CHECKING:
    from pyxenon_core.channels.base import Channel

__all__ = ["PIECE_BYTES", "ByteSource", "Bytes", "Kept", "Readable", "closing", "pieces", "requests"]

# Servers refuse messages over 4 MiB by default; 1 MiB is as fast as any size and needs little memory.
PIECE_BYTES = 1 << 20

Bytes: TypeAlias = "bytes | bytearray | memoryview"
R = TypeVar("R")
T = TypeVar("T")


class Readable(Protocol):
    """A binary file open for reading."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; empty at the end of the file."""
        ...


ByteSource: TypeAlias = "Bytes | Readable | Iterable[Bytes] | AsyncIterable[Bytes]"


def requests(channel: Channel, head: R, request_of: Callable[[bytes], R], source: ByteSource) -> AsyncIterator[R]:
    """Yield *head*, then a request for each piece of *source*; raises what :func:`pieces` raises."""
    return _behind(head, request_of, pieces(channel, source))


async def _behind(head: R, request_of: Callable[[bytes], R], source: AsyncIterator[bytes]) -> AsyncIterator[R]:
    async with closing(source):
        yield head
        async for piece in source:
            yield request_of(piece)


def pieces(channel: Channel, source: ByteSource) -> AsyncIterator[bytes]:
    """Return the bytes of *source* in pieces of at most :data:`PIECE_BYTES`.

    Raises TypeError: immediately if the source cannot provide bytes, during iteration if an item is not bytes.
    """
    if isinstance(source, str):
        raise TypeError("the data must be bytes, not str; encode the text first")
    return _cut(_items(channel, source))


async def _cut(items: AsyncIterator[Bytes]) -> AsyncIterator[bytes]:
    async with closing(items):
        async for item in items:
            for piece in _pieces(item):
                yield piece


class _Closing(Generic[T]):
    """The context manager of :func:`closing`. GC finalises chained generators in arbitrary order, hence a class."""

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items

    async def __aenter__(self) -> AsyncIterator[T]:
        return self._items

    async def __aexit__(self, *_: object) -> None:
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


def closing(items: AsyncIterator[T]) -> _Closing[T]:
    """Close *items*, if possible, at the end of the ``async with``: an abandoned stream may hold a file, a connection or a thread."""
    return _Closing(items)


class Kept:
    """A source whose failure ends the stream regularly instead of aborting it, and is kept to be raised afterwards."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with closing(self._source):
                async for piece in self._source:
                    yield piece
        except Exception as error:  # noqa: BLE001 - kept, and raised by raise_failure
            self.failure = error

    def raise_failure(self) -> None:
        """Raise the exception of the source, if there was one."""
        if self.failure is not None:
            raise self.failure


def _items(channel: Channel, source: ByteSource) -> AsyncIterator[Bytes]:
    if isinstance(source, AsyncIterable):
        return aiter(source)
    iterator = _iterate(source)
    is_there = isinstance(source, (bytes, bytearray, memoryview, list, tuple))  # such sources never block, so they need no thread
    return _at_once(iterator) if channel.blocking or is_there else iterate_in_thread(iterator)


def _iterate(source: Bytes | Readable | Iterable[Bytes]) -> Iterator[Bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return iter([cast("Bytes", source)])
    read = getattr(source, "read", None)
    if read is not None:
        return iter(lambda: read(PIECE_BYTES), b"")
    if isinstance(source, Iterable):
        return iter(source)
    raise TypeError(f"the data must be bytes, an open binary file or an iterable of bytes, not {type(source).__name__}")


async def _at_once(iterator: Iterator[Bytes]) -> AsyncIterator[Bytes]:
    for item in iterator:
        yield item


def _pieces(item: object) -> Iterator[bytes]:
    if not isinstance(item, (bytes, bytearray, memoryview)):
        raise TypeError(f"the data must come as bytes, not {type(item).__name__}; encode text first, and pass an iterable of bytes")
    if isinstance(item, bytes) and len(item) <= PIECE_BYTES:
        yield item
        return
    view = memoryview(item).cast("B")
    for start in range(0, len(view), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])
