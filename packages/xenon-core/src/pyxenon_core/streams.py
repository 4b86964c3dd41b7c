"""What callers stream to a server: normalised to bytes in pieces that every server takes, each as soon as it is there."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar, cast

from pyxenon_core.thread_iterator import iterate_in_thread

if TYPE_CHECKING:
    from pyxenon_core.channels.base import Channel

__all__ = ["PIECE_BYTES", "ByteSource", "Bytes", "Kept", "Readable", "closing", "pieces", "requests"]

# Servers refuse messages over 4 MiB unless told otherwise; 1 MiB is as fast as any size and keeps little in memory.
PIECE_BYTES = 1 << 20

Bytes: TypeAlias = "bytes | bytearray | memoryview"
R = TypeVar("R")
T = TypeVar("T")


class Readable(Protocol):
    """A binary file that is open for reading."""

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes; none at the end."""
        ...


ByteSource: TypeAlias = "Bytes | Readable | Iterable[Bytes] | AsyncIterable[Bytes]"


def requests(channel: Channel, head: R, request_of: Callable[[bytes], R], source: ByteSource) -> AsyncIterator[R]:
    """*head*, and then a request for each piece of *source*; raises what :func:`pieces` raises."""
    return _behind(head, request_of, pieces(channel, source))


async def _behind(head: R, request_of: Callable[[bytes], R], source: AsyncIterator[bytes]) -> AsyncIterator[R]:
    async with closing(source):
        yield head
        async for piece in source:
            yield request_of(piece)


def pieces(channel: Channel, source: ByteSource) -> AsyncIterator[bytes]:
    """The bytes of *source*, in pieces of at most :data:`PIECE_BYTES`.

    Raises TypeError, at once for a source that cannot give bytes and in its turn for an item that is none.
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
    """No generator of its own: the garbage collector may end what belongs together in any order, and that would be ended first."""

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items

    async def __aenter__(self) -> AsyncIterator[T]:
        return self._items

    async def __aexit__(self, *_: object) -> None:
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


def closing(items: AsyncIterator[T]) -> _Closing[T]:
    """Close *items* at the end of the ``async with``, if they can be: a stream given up may hold a file, a connection or a thread."""
    return _Closing(items)


class Kept:
    """A source whose failure ends the stream in good order instead of breaking it off, and is kept to be raised afterwards."""

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
        """Raise what the source raised, if it did."""
        if self.failure is not None:
            raise self.failure


def _items(channel: Channel, source: ByteSource) -> AsyncIterator[Bytes]:
    if isinstance(source, AsyncIterable):
        return aiter(source)
    iterator = _iterate(source)
    is_there = isinstance(source, (bytes, bytearray, memoryview, list, tuple))  # so that no thread has to wait for it
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
        raise TypeError(f"the data must come as bytes, not {type(item).__name__}: encode text first, and give an iterable of bytes")
    if isinstance(item, bytes) and len(item) <= PIECE_BYTES:
        yield item
        return
    view = memoryview(item).cast("B")
    for start in range(0, len(view), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])
