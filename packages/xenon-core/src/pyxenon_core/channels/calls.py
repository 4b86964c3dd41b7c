"""What the gRPC channels share: which address and keys, and how a gRPC failure becomes one of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from pyxenon_core.errors import SessionClosedError, Status, XenonError, describe, from_status
from pyxenon_core.release import or_missing
from pyxenon_core.rpc import Rpc
from pyxenon_core.targets import GrpcEndpoint

__all__ = ["channel_arguments", "failure_of", "gone"]

_OPTIONS: tuple[tuple[str, Any], ...] = (
    # The release sends a whole file as one message; the SDK streams those past gRPC, but a third party's large entries may come here.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A proxy is for the world outside; the release's own server, which is most of what is dialled, is on this machine.
    ("grpc.enable_http_proxy", 0),
    # Each session talks to a server of its own: sharing connections between channels would mix up their keys.
    ("grpc.use_local_subchannel_pool", 1),
)


def channel_arguments(endpoint: GrpcEndpoint) -> tuple[str, grpc.ChannelCredentials | None, Sequence[tuple[str, Any]]]:
    """Address, credentials (None for plain text) and options for a channel of grpcio's."""
    keys = endpoint.tls
    if keys is None:
        return endpoint.address, None, _OPTIONS
    credentials = grpc.ssl_channel_credentials(keys.root_certificates, keys.private_key, keys.certificate_chain)
    override = (("grpc.ssl_target_name_override", keys.server_name),) if keys.server_name else ()
    return endpoint.address, credentials, (*_OPTIONS, *override)


def failure_of(error: grpc.RpcError, endpoint: GrpcEndpoint, rpc: Rpc[Any, Any], request: object) -> XenonError:
    """The exception for a call that failed."""
    # gRPC's frames hold the request as bytes, and a report that shows their arguments, as pytest's does, would show the password in them.
    error.__traceback__ = None
    code = error.code() or grpc.StatusCode.UNKNOWN
    status = Status(code.value[0])
    diagnosis = endpoint.diagnose() if status is Status.UNAVAILABLE else ""
    failure = or_missing(from_status(status, error.details() or "", diagnosis), rpc, endpoint.release)
    return describe(failure, rpc.name, request)


def gone(rpc: Rpc[Any, Any], request: object) -> XenonError:
    """The exception for a call over a channel that was closed."""
    return describe(SessionClosedError("the session was closed"), rpc.name, request)
