"""The xenon-grpc release that this SDK is made for, and the release of a server."""

from __future__ import annotations

from typing import Any

from pyxenon_core._generated.errors import UnknownRpcException
from pyxenon_core._generated.history import RELEASE, SINCE
from pyxenon_core._generated.services import RPCS
from pyxenon_core.channels.base import Channel
from pyxenon_core.failures import MethodMissingError, Status, XenonError
from pyxenon_core.message import Identity
from pyxenon_core.rpc import Rpc

__all__ = ["RELEASE", "SINCE", "learn_release", "or_missing"]


async def learn_release(channel: Channel) -> str:
    """Return what the methods of the server behind *channel* tell about its release.

    Only harmless methods are called, with a handle that no server has issued.
    """
    known = "xenon-grpc"
    for path, since in SINCE.items():
        rpc = RPCS[path]
        if not _is_harmless(rpc):
            continue
        try:
            await channel.unary_unary(rpc, rpc.request())
        except MethodMissingError:
            return f"{known} before {since}"
        except XenonError:
            pass  # it has the method, but not the handle
        known = f"xenon-grpc {since} or later"
    return known if SINCE else ""


def _is_harmless(rpc: Rpc[Any, Any]) -> bool:
    return not (rpc.client_streaming or rpc.server_streaming) and issubclass(rpc.request, Identity)


def or_missing(error: XenonError, rpc: Rpc[Any, Any], server: str) -> XenonError:
    """Return *error*, or, if gRPC reports that the *server* lacks *rpc*, an error that says so and names both releases.

    *server* is the server's release, such as ``xenon-grpc 2.3.0``; empty if unknown.
    """
    if not isinstance(error, UnknownRpcException) or error.status is not Status.UNIMPLEMENTED:
        return error
    since = SINCE.get(rpc.path)
    known = server or (f"a release before xenon-grpc {since}" if since else "another release")
    came = f", which came with xenon-grpc {since}" if since and server else ""
    return MethodMissingError(f"the server is {known}, and has no {rpc.path.lstrip('/')}{came}; this SDK is made for xenon-grpc {RELEASE}")
