"""``python -m benchmarks.workers WAY SERVER FILE``: connects, asks whether FILE exists, and does tasks until its input ends.

SERVER is JSON that describes the server. The first line out has the ``seconds`` from connecting to the first answer, with the contender's
package imported. Each line in is ``{"task": name, ...}`` with the task's arguments; with ``"sample": true`` the answer also says where
the time went. The line out is the task's answer, or ``{"error": reason}``.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from benchmarks.workers import clients

_LONGEST_REASON = 300


def main() -> None:
    """Connect, and do what is asked."""
    way, server, file = sys.argv[1:]
    with _errors_told():
        client = _connect(way, json.loads(server), file)
        for line in sys.stdin:
            with _errors_told():
                _tell(_do(client, **json.loads(line)))
        client.close()


def _connect(way: str, server: dict[str, Any], file: str) -> clients.Client:
    for package in clients.PACKAGES[way]:
        importlib.import_module(package)
    start = perf_counter()
    client: clients.Client = getattr(clients, way)(server)
    client.exists(file, [0.0])
    _tell({"seconds": perf_counter() - start})
    return client


def _do(client: clients.Client, task: str, sample: bool, **arguments: Any) -> dict[str, Any]:
    module, _, name = task.rpartition(".")
    work = getattr(importlib.import_module(f"benchmarks.workers.{module}"), name)
    if not sample:
        return dict(work(client, **arguments))
    from benchmarks.workers.sampling import sampling

    with sampling() as profile:
        answer = work(client, **arguments)
    return {**answer, "profile": profile}


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - reported to the process that asks
        # A gRPC status is told by its name and details, anything else by its class and text.
        code, details = getattr(error, "code", None), getattr(error, "details", None)
        text = f"{code().name}: {details()}" if callable(code) and callable(details) else f"{type(error).__name__}: {error}"
        _tell({"error": " ".join(text.split())[:_LONGEST_REASON]})


if __name__ == "__main__":
    main()
