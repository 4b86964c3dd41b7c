"""What a method of the interface is on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Rpc"]

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True)
class Rpc(Generic[Request, Response]):
    """A method of a service: where it is, how its messages are encoded, and which way they stream."""

    service: str
    name: str
    path: str
    encode_request: Callable[[Request], bytes]
    decode_request: Callable[[bytes], Request]
    encode_response: Callable[[Response], bytes]
    decode_response: Callable[[bytes], Response]
    client_streaming: bool = False
    server_streaming: bool = False
