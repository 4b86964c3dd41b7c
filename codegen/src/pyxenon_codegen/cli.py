"""The command ``xenon-codegen``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyxenon_codegen import freshness
from pyxenon_codegen.atomic_replace import recover
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.generate import GENERATED_FOLDERS, PROTO, generate

if TYPE_CHECKING:
    from pyxenon_codegen.report import Report
    from pyxenon_codegen.upgrade import Outcome

_DESCRIPTION = """Render the generated layers of PyXenon from protos/ and templates/: the canonical proto, the typed messages and their
codecs, the asynchronous and the synchronous methods, the exceptions, the release pin and docs/adaptors.rst."""
_UPGRADE = """Upgrade the repository to another release of xenon-grpc: its interface and adaptors, the pin, and everything generated from
them. All files are generated and type-checked in a temporary tree, and replaced at the end, all of them or none. The report says what
breaks programs, what is new, and which version number follows. Upgrading to the release that is pinned already changes nothing."""
_UPGRADE_STATUS = """Exit status: 0 done, or nothing to do; 1 the upgrade failed and nothing has changed; 3 done, but hand-written code
uses what is gone: the report lists the places to change."""
_RELEASE = "a version in protos/releases.toml, the path of a jar, or the target of a running server such as grpcs://host:port"
REPORT = "upgrade-report.md"
_BY_HAND = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 with the reason on standard error, or 3 for an upgrade that needs changes by hand."""
    options = _parser().parse_args(arguments)
    try:
        root = _find_root(options.root)
        if options.command != "recover":
            _recover(root)
        return _COMMANDS[options.command](root, options)
    except CodegenError as error:
        print(f"xenon-codegen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("xenon-codegen: interrupted; nothing has changed", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xenon-codegen", description=_DESCRIPTION)
    parser.add_argument("--root", type=Path, help="the repository (default: the one that contains the current directory)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write all generated files, and delete obsolete ones")
    commands.add_parser("check", help="generate in memory; fail with a diff if a generated file differs, is missing or is orphaned")
    upgrade = commands.add_parser(
        "upgrade", help="upgrade the repository to another release of xenon-grpc", description=_UPGRADE, epilog=_UPGRADE_STATUS
    )
    upgrade.add_argument("release", help=_RELEASE)
    upgrade.add_argument("--dry-run", action="store_true", help="write only the report")
    upgrade.add_argument(
        "--words",
        type=Path,
        metavar="DIR",
        help="a directory with words.toml and adaptors.toml for what is new; created, to be filled in, if it does not exist",
    )
    upgrade.add_argument("--report", type=Path, metavar="FILE", help=f"the file for the report (default: {REPORT} in the repository)")
    diff = commands.add_parser("diff", help="print the differences between any two releases")
    diff.add_argument("before", help=f"{_RELEASE}, or a directory such as this repository")
    diff.add_argument("after", help="the same")
    commands.add_parser("recover", help="undo an interrupted upgrade (every other command does this first)")
    return parser


def _find_root(given: Path | None) -> Path:
    start = (given or Path.cwd()).resolve()
    for folder in [start] if given else [start, *start.parents]:
        if (folder / PROTO).is_file():
            return folder
    raise CodegenError(f"there is no {PROTO} in {start}{'' if given else ' or above it'}; run this in the repository, or give --root")


def _generate(root: Path, options: argparse.Namespace) -> int:
    changed = freshness.write_tree(root, generate(root), GENERATED_FOLDERS)
    print("\n".join(f"wrote {name}" for name in changed) or "everything is up to date")
    return 0


def _check(root: Path, options: argparse.Namespace) -> int:
    reports = freshness.compare(root, generate(root), GENERATED_FOLDERS)
    if not reports:
        print("everything generated is up to date")
        return 0
    sys.stderr.write("".join(reports))
    print(
        f"\nxenon-codegen: generated files that are out of date: {len(reports)}; run `xenon-codegen generate` and commit the result",
        file=sys.stderr,
    )
    return 1


def _upgrade(root: Path, options: argparse.Namespace) -> int:
    from pyxenon_codegen.upgrade import upgrade  # imported late: it needs the generated code

    outcome = upgrade(root, options.release, words=options.words, dry_run=options.dry_run, say=_say)
    print(outcome.text, end="")
    if outcome.report.is_empty:
        _say(_nothing_to_do(outcome.report))
        return 0
    path = options.report or root / REPORT
    path.write_text(outcome.text, encoding="utf-8")
    _say(f"the report is in {path}")
    return _conclude(outcome, options)


def _nothing_to_do(report: Report) -> str:
    """Return why an upgrade has changed nothing."""
    if report.before.name == report.after.name:
        return f"nothing to do: this repository is already at {report.before.name}, and its interface, adaptors and jar are the same"
    return f"nothing to do: {report.after.name} has the interface and the adaptors of {report.before.name}, which this repository is at"


def _conclude(outcome: Outcome, options: argparse.Namespace) -> int:
    if outcome.problems:
        where = f"add them in {options.words}" if options.words else "name a directory with --words, where you can add them"
        raise CodegenError(f"words that are missing: {len(outcome.problems)}; nothing has changed; {where}")
    if options.dry_run:
        _say("this was a dry run: no other file has changed")
        return 0
    _say(
        f"{len(outcome.changed)} files have changed" + (f"; {len(outcome.by_hand)} places need changes by hand" if outcome.by_hand else "")
    )
    return _BY_HAND if outcome.by_hand else 0


def _diff(root: Path, options: argparse.Namespace) -> int:
    from pyxenon_codegen.upgrade import difference

    print(difference(root, options.before, options.after), end="")
    return 0


def _recover(root: Path, options: argparse.Namespace | None = None) -> int:
    if recover(root):
        _say("an interrupted upgrade was undone; everything is as it was before")
    elif options is not None:
        _say("no interrupted upgrade to undo")
    return 0


def _say(text: str) -> None:
    print(f"xenon-codegen: {text}", file=sys.stderr, flush=True)


_COMMANDS: Mapping[str, Callable[[Path, argparse.Namespace], int]] = {
    "generate": _generate,
    "check": _check,
    "upgrade": _upgrade,
    "diff": _diff,
    "recover": _recover,
}


if __name__ == "__main__":
    sys.exit(main())
