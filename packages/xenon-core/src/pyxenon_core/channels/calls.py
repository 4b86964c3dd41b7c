"""The common part of the gRPC channels: address and keys, and the translation of gRPC failures."""

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
    # xenon-grpc sends a whole file as one message. File contents bypass grpcio here, but other servers may send large entries this way.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Most servers are on this machine, where a proxy is of no use.
    ("grpc.enable_http_proxy", 0),
    # Each session has its own server and keys, so channels must not share connections.
    ("grpc.use_local_subchannel_pool", 1),
)


def channel_arguments(endpoint: GrpcEndpoint) -> tuple[str, grpc.ChannelCredentials | None, Sequence[tuple[str, Any]]]:
    """Return the address, credentials (None for plain text) and options of a grpcio channel."""
    keys = endpoint.tls
    if keys is None:
        return endpoint.address, None, _OPTIONS
    credentials = grpc.ssl_channel_credentials(keys.root_certificates, keys.private_key, keys.certificate_chain)
    override = (("grpc.ssl_target_name_override", keys.server_name),) if keys.server_name else ()
    return endpoint.address, credentials, (*_OPTIONS, *override)


def failure_of(error: grpc.RpcError, endpoint: GrpcEndpoint, rpc: Rpc[Any, Any], request: object) -> XenonError:
    """Return the exception for a failed call."""
    # gRPC's frames hold the encoded request: a traceback with arguments, such as pytest's, would show its password.
    error.__traceback__ = None
    code = error.code() or grpc.StatusCode.UNKNOWN
    status = Status(code.value[0])
    diagnosis = endpoint.diagnose() if status is Status.UNAVAILABLE else ""
    failure = or_missing(from_status(status, error.details() or "", diagnosis), rpc, endpoint.release)
    return describe(failure, rpc.name, request)


def gone(rpc: Rpc[Any, Any], request: object) -> XenonError:
    """Return the exception for a call over a closed channel."""
    return describe(SessionClosedError("the session was closed"), rpc.name, request)
