"""Which release of xenon-grpc this SDK speaks, and which a server does."""

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
    """What can be known of the server behind *channel* from the methods that it has.

    Only methods that can do nothing are tried: they are asked about a handle that no server has given.
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
            pass  # it has the method, and not the handle
        known = f"xenon-grpc {since} or later"
    return known if SINCE else ""


def _is_harmless(rpc: Rpc[Any, Any]) -> bool:
    return not (rpc.client_streaming or rpc.server_streaming) and issubclass(rpc.request, Identity)


def or_missing(error: XenonError, rpc: Rpc[Any, Any], server: str) -> XenonError:
    """*error*, or, where it is gRPC's way to say that the *server* does not know *rpc*, one that says so and names both releases.

    *server* is what is known of the server, such as ``xenon-grpc 2.3.0``; empty when that is nothing.
    """
    if not isinstance(error, UnknownRpcException) or error.status is not Status.UNIMPLEMENTED:
        return error
    since = SINCE.get(rpc.path)
    known = server or (f"a release before xenon-grpc {since}" if since else "another release")
    came = f", which came with xenon-grpc {since}" if since and server else ""
    return MethodMissingError(f"the server is {known}, and has no {rpc.path.lstrip('/')}{came}; this SDK is made for xenon-grpc {RELEASE}")
