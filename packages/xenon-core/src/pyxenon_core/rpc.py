"""A method of the interface and its codecs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

__all__ = ["Rpc"]

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True)
class Rpc(Generic[Request, Response]):
    """A method of a service: its path, its request and response types, and which of them are streams.

    The codec is imported when the first message is encoded or decoded; a server in this process never needs it.
    """

    service: str
    name: str
    path: str
    request: type[Request]
    response: type[Response]
    client_streaming: bool = False
    server_streaming: bool = False

    @cached_property
    def encode_request(self) -> Callable[[Request], bytes]:
        """Encode a request; raises TypeError or ValueError naming the field at fault."""
        return _encoder(self.request)

    @cached_property
    def decode_request(self) -> Callable[[bytes], Request]:
        """Decode a request; raises :class:`~pyxenon_core.wire.DecodeError`."""
        return _decoder(self.request)

    @cached_property
    def encode_response(self) -> Callable[[Response], bytes]:
        """Encode a response; raises TypeError or ValueError naming the field at fault."""
        return _encoder(self.response)

    @cached_property
    def decode_response(self) -> Callable[[bytes], Response]:
        """Decode a response; raises :class:`~pyxenon_core.wire.DecodeError`."""
        return _decoder(self.response)


def _encoder(message_type: type[Any]) -> Callable[[Any], bytes]:
    from pyxenon_core._generated import codec  # late: see Rpc

    return codec.ENCODERS[message_type]


def _decoder(message_type: type[Any]) -> Callable[[bytes], Any]:
    from pyxenon_core._generated import codec  # late: see Rpc

    return codec.DECODERS[message_type]
