"""Check with one call, using the server's keys, that a xenon-grpc server answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

    from pyxenon_core.targets import TlsKeys

__all__ = ["answers"]

_METHOD = "/xenon.FileSystemService/getAdaptorNames"
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # both processes are on the same machine
    ("grpc.use_local_subchannel_pool", 1),  # an earlier failed connection must not delay this one
)


def answers(address: str, keys: TlsKeys | None, timeout: float) -> bool:
    """Return True if a Xenon server at *address* (``host:port``) answers a call within *timeout* seconds.

    With *keys*, only the server they were made for can answer; without, any Xenon server that uses plain gRPC.
    """
    import grpc

    with _open_channel(address, keys) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        try:
            call(b"", timeout=timeout)
        except grpc.RpcError:
            return False
    return True


def _open_channel(address: str, keys: TlsKeys | None) -> grpc.Channel:
    import grpc

    if keys is None:
        return grpc.insecure_channel(address, _OPTIONS)
    credentials = grpc.ssl_channel_credentials(keys.root_certificates, keys.private_key, keys.certificate_chain)
    return grpc.secure_channel(address, credentials, _OPTIONS)
