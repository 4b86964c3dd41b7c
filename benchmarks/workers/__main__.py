"""``python -m benchmarks.workers CONTENDER ADDRESS KEYS STUBS``: does tasks until its input ends.

A line in is ``{"task": name, ...}`` with the task's arguments. The line out is what the task answers, or ``{"error": reason}``. The first
line out says that the contender is connected, and what it runs on.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.workers.client import Client, Server, connect
from benchmarks.workers.tasks import TASKS

_LONGEST_REASON = 200


def main() -> None:
    """Connect, and do what is asked."""
    contender, address, keys, stubs = sys.argv[1:]
    try:
        client = connect(contender, Server(address, Path(keys), Path(stubs)))
    except Exception as error:  # noqa: BLE001 - told to the process that asks
        _say({"error": _reason(error)})
        return
    _say(_versions())
    for line in sys.stdin:
        _say(_answer(client, json.loads(line)))
    client.close()


def _answer(client: Client, question: dict[str, Any]) -> dict[str, Any]:
    task = TASKS[question.pop("task")]
    try:
        return task(client, **question)
    except Exception as error:  # noqa: BLE001 - told to the process that asks
        return {"error": _reason(error)}


def _reason(error: BaseException) -> str:
    """A line about *error*: a gRPC status by its name and details, anything else by its class and text."""
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    text = f"{code().name}: {details()}" if callable(code) and callable(details) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_REASON]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("grpcio", "protobuf", "betterproto2", "h2", "pyxenon"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    implementation = sys.modules.get("google.protobuf.internal.api_implementation")
    if implementation is not None:
        found["protobuf implementation"] = str(implementation.Type())
    return found


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
