"""Check a newly generated tree: it can be imported, and passes the type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pyxenon_codegen.errors import CodegenError

# Generated code and what wraps it: an error here is an error of a template.
_SDK = ("packages/xenon-core/src", "packages/xenon-java/src", "packages/xenon-sync/src")
# Hand-written code that uses the interface, and may need changes.
_USERS = ("packages/xenon-server/src", "packages/xenon-testing/src", "benchmarks", "examples", "tests/downstream")
_IMPORTS = "import xenon, pyxenon_core, pyxenon_java"


def check(tree: Path) -> list[str]:
    """Return the type errors in hand-written code that uses removed parts of the interface, as ``path:line: message``.

    Raises :class:`CodegenError` if the SDK itself cannot be imported or has type errors.
    """
    done = _run(tree, ["-c", _IMPORTS])
    if done.returncode:
        raise CodegenError(f"the SDK as generated cannot be imported:\n{done.stderr}")
    errors = _type_errors(tree)
    ours = [error for error in errors if error.startswith(_SDK)]
    if ours:
        raise CodegenError("the SDK as generated has type errors; a template or the code around it is at fault:\n  " + "\n  ".join(ours))
    return errors


def _type_errors(tree: Path) -> list[str]:
    paths = [name for name in (*_SDK, *_USERS) if (tree / name).is_dir()]
    done = _run(tree, ["-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary", "--hide-error-context", *paths])
    if done.returncode not in (0, 1):
        raise CodegenError(f"types cannot be checked:\n{done.stdout}{done.stderr}")
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def _run(tree: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(tree / name) for name in (*_SDK, "packages/xenon-server/src", "packages/xenon-testing/src"))
    environment = {**os.environ, "PYTHONPATH": path, "MYPYPATH": path}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
