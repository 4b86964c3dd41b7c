"""The command ``xenon-codegen``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from xenon_codegen import freshness
from xenon_codegen.errors import CodegenError
from xenon_codegen.generate import GENERATED_FOLDERS, PROTO, generate

_DESCRIPTION = """Renders the generated layers of PyXenon from protos/ and templates/: the canonical proto, the typed messages and their
codecs, the asynchronous and the synchronous methods, the exceptions, the release pin and docs/adaptors.rst."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 1 with the reason on standard error."""
    options = _parser().parse_args(arguments)
    try:
        root = _find_root(options.root)
        return _check(root) if options.command == "check" else _generate(root)
    except CodegenError as error:
        print(f"xenon-codegen: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xenon-codegen", description=_DESCRIPTION)
    parser.add_argument("--root", type=Path, help="the repository (default: the one around the current folder)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write every generated file, and delete those that nothing generates any more")
    commands.add_parser("check", help="generate in memory; fail with a diff when anything committed differs, is missing or is orphaned")
    return parser


def _find_root(given: Path | None) -> Path:
    start = (given or Path.cwd()).resolve()
    for folder in [start] if given else [start, *start.parents]:
        if (folder / PROTO).is_file():
            return folder
    raise CodegenError(f"there is no {PROTO} in {start}{'' if given else ' or above it'}; run this in the repository, or give --root")


def _generate(root: Path) -> int:
    changed = freshness.write_tree(root, generate(root), GENERATED_FOLDERS)
    print("\n".join(f"wrote {name}" for name in changed) or "everything is up to date")
    return 0


def _check(root: Path) -> int:
    reports = freshness.compare(root, generate(root), GENERATED_FOLDERS)
    if not reports:
        print("everything generated is up to date")
        return 0
    sys.stderr.write("".join(reports))
    print(
        f"\nxenon-codegen: {len(reports)} files are not as generated; run `xenon-codegen generate` and commit the result", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
