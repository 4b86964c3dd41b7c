"""``python -m benchmarks.servers.worker CONTENDER TARGET``: does tasks until its input ends.

A line in is ``{"task": name, ...}`` with the task's arguments; with ``"sample": true`` it also says where its time went. The line out is
what the task answers, or ``{"error": reason}``. The first line out says that it is ready.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from typing import Any

from benchmarks.servers.sampling import Sampler
from benchmarks.servers.tasks import PlainFiles, Xenon

_LONGEST_REASON = 300


def main() -> None:
    """Connect where there is a target, and do what is asked."""
    _contender, target = sys.argv[1:]
    try:
        tasks: PlainFiles | Xenon = Xenon(target) if target else PlainFiles()
    except Exception as error:  # noqa: BLE001 - told to the process that asks
        _say({"error": _reason(error)})
        return
    _say(_versions())
    try:
        for line in sys.stdin:
            _say(_answer(tasks, json.loads(line)))
    finally:
        tasks.close()


def _answer(tasks: PlainFiles | Xenon, question: dict[str, Any]) -> dict[str, Any]:
    task, sample = getattr(tasks, question.pop("task").replace("-", "_")), question.pop("sample", False)
    try:
        if not sample:
            return dict(task(**question))
        with Sampler() as sampler:
            answer = task(**question)
        return {**answer, "profile": sampler.summary()}
    except Exception as error:  # noqa: BLE001 - told to the process that asks
        return {"error": _reason(error)}


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("asyncssh", "cryptography", "betterproto2"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
