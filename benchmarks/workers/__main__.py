"""``python -m benchmarks.workers WAY SERVER FILE``: connects, asks whether FILE exists, and does tasks until its input ends.

SERVER is JSON that tells of the server. The first line out has the ``seconds`` from connecting to the first answer, with the contender's
package imported. Then a line in is ``{"task": name, ...}`` with the task's arguments; with ``"sample": true`` the answer also says where
the time went. The line out is what the task answers, or ``{"error": reason}``.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.workers import clients

_LONGEST_REASON = 300


def main() -> None:
    """Connect, and do what is asked."""
    way, server, file = sys.argv[1:]
    answer, client = _attempt(lambda: _connect(way, json.loads(server), file))
    print(json.dumps(answer), flush=True)
    if client is None:
        return
    for line in sys.stdin:
        answer, _ = _attempt(lambda line=line: (_do(client, **json.loads(line)), None))  # type: ignore[misc]  # of a default
        print(json.dumps(answer), flush=True)
    client.close()


def _connect(way: str, server: dict[str, Any], file: str) -> tuple[dict[str, Any], clients.Client]:
    for package in clients.PACKAGES[way]:
        importlib.import_module(package)
    start = perf_counter()
    client: clients.Client = getattr(clients, way)(server)
    client.exists(file, [0.0])
    return {"seconds": perf_counter() - start}, client


def _do(client: clients.Client, task: str, sample: bool, **arguments: Any) -> dict[str, Any]:
    module, _, name = task.rpartition(".")
    work = getattr(importlib.import_module(f"benchmarks.workers.{module}"), name)
    if not sample:
        return dict(work(client, **arguments))
    from benchmarks.workers.sampling import Sampler

    with Sampler() as sampler:
        answer = work(client, **arguments)
    return {**answer, "profile": sampler.summary()}


def _attempt(step: Callable[[], tuple[dict[str, Any], Any]]) -> tuple[dict[str, Any], Any]:
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - told to the process that asks
        # A gRPC status is told by its name and details, anything else by its class and text.
        code, details = getattr(error, "code", None), getattr(error, "details", None)
        text = f"{code().name}: {details()}" if callable(code) and callable(details) else f"{type(error).__name__}: {error}"
        return {"error": " ".join(text.split())[:_LONGEST_REASON]}, None


if __name__ == "__main__":
    main()
