"""``python -m benchmarks.workers.first_call CONTENDER ...``: start a server of one's own, make the first call, say so, and end it.

It imports as little as it can, as all of it is in the time that is measured. The floor takes the command that starts the server, and then
the folders of its keys and stubs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_SECONDS = 60


def _said(names: object) -> None:
    """Say that the call was answered, and wait until the process that asks has looked at its clock."""
    if not names:
        raise RuntimeError("the server names no adaptors")
    print("answered", flush=True)
    sys.stdin.read()


def _sdk() -> None:
    import xenon

    with xenon.init(target="java:"):
        _said(xenon.FileSystem.get_adaptor_names())


def _peer() -> None:
    import importlib

    xenon = importlib.import_module("xenon")
    xenon.init()  # it has begun the server then, and ends it when Python ends; a `with` would begin it again
    _said(list(xenon.FileSystem.get_adaptor_names()))


def _floor() -> None:
    import importlib
    import subprocess
    from pathlib import Path

    from benchmarks.workers.client import Server
    from benchmarks.workers.floor import open_channel

    port, keys, stubs, *command = sys.argv[2:]
    java = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = Server(f"127.0.0.1:{port}", Path(keys), Path(stubs))
        sys.path.insert(0, stubs)
        messages, stub_module = importlib.import_module("xenon_pb2"), importlib.import_module("xenon_pb2_grpc")
        # Without these it would try again after a second, and a server is there in less.
        waits = tuple((f"grpc.{name}_reconnect_backoff_ms", 50) for name in ("initial", "min", "max"))
        with open_channel(server, waits) as channel:
            stub = stub_module.FileSystemServiceStub(channel)
            _said(stub.getAdaptorNames(messages.Empty(), wait_for_ready=True, timeout=_SECONDS).name)
    finally:
        java.terminate()
        java.wait()


if __name__ == "__main__":
    ways: dict[str, Callable[[], None]] = {"sdk": _sdk, "peer": _peer, "floor": _floor}
    ways[sys.argv[1]]()
