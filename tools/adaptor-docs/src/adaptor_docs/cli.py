"""The command ``adaptor-docs``: takes the snapshot of facts, and renders the page from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2

from adaptor_docs.errors import AdaptorDocsError
from adaptor_docs.files import difference, write_atomically
from adaptor_docs.render import render
from adaptor_docs.snapshot import take_snapshot

_DESCRIPTION = """\
Keeps docs/adaptors.rst in step with the adaptors. Run it from the top of the repository.

  adaptor-docs snapshot   asks a server for the facts        -> protos/adaptors.json
  adaptor-docs render     joins the facts with our own words -> docs/adaptors.rst
"""
_STATUS = "Exit status: 0 done or up to date; 1 --check found a difference, which is printed as a unified diff; 2 it could not be done."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (those of the process by default); returns its exit status, explained in ``--help``."""
    options = _parser().parse_args(arguments)
    try:
        text = take_snapshot(options.target) if options.command == "snapshot" else render(options.facts, options.words, options.templates)
        return _check(options.output, text) if options.check else _write(options.output, text)
    except (AdaptorDocsError, jinja2.TemplateError, OSError) as error:
        print(f"adaptor-docs {options.command}: {_explain(error)}", file=sys.stderr)
        return 2


def _explain(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no template {error}; give its folder with --templates, or run this from the top of the repository"
    return str(error)


def _check(path: Path, text: str) -> int:
    found = difference(path, text)
    if not found:
        return 0
    sys.stdout.write(found)
    print(f"adaptor-docs: {path} is not up to date; run the same command without --check", file=sys.stderr)
    return 1


def _write(path: Path, text: str) -> int:
    changed = write_atomically(path, text)
    print(f"{path}: {'written' if changed else 'was up to date'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adaptor-docs", description=_DESCRIPTION, epilog=_STATUS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    snapshot = commands.add_parser(
        "snapshot",
        help="ask a server for the facts about its adaptors",
        description="Asks a server for the names, types, defaults and flags of its adaptors. Its sentences are left behind.",
        epilog=_STATUS,
    )
    snapshot.add_argument("--target", default="java:", metavar="TARGET", help="the server to ask (default: %(default)s)")
    _add_output(snapshot, "protos/adaptors.json")
    page = commands.add_parser(
        "render", help="render the page from facts and words", description="Renders the page. Needs no server.", epilog=_STATUS
    )
    page.add_argument("--facts", type=Path, default=Path("protos/adaptors.json"), metavar="FILE", help="the facts (default: %(default)s)")
    page.add_argument("--words", type=Path, default=Path("protos/adaptors.toml"), metavar="FILE", help="our words (default: %(default)s)")
    page.add_argument("--templates", type=Path, default=Path("templates/docs"), metavar="DIR", help="the template (default: %(default)s)")
    _add_output(page, "docs/adaptors.rst")
    return parser


def _add_output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--output", type=Path, default=Path(default), metavar="FILE", help="the file to write (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 and a diff when the file is not up to date")


if __name__ == "__main__":
    sys.exit(main())
