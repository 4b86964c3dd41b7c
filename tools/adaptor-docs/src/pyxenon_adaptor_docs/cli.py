"""The command ``adaptor-docs``: collect facts, render the page from them, and compare them with running servers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2

from pyxenon_adaptor_docs.compare import differences, tell_all
from pyxenon_adaptor_docs.errors import AdaptorDocsError
from pyxenon_adaptor_docs.facts import load_facts
from pyxenon_adaptor_docs.files import difference, write_atomically
from pyxenon_adaptor_docs.render import render
from pyxenon_adaptor_docs.servers import SERVERS, SNAPSHOTS
from pyxenon_adaptor_docs.snapshot import ask, take_snapshot

_DESCRIPTION = """\
Keep docs/adaptors.rst up to date with the adaptors. Run it from the top of the repository.

  adaptor-docs collect   asks the servers for the facts -> protos/adaptors.json (java:) and protos/adaptors-embedded.json (embedded:)
  adaptor-docs render    joins the facts with our own words (protos/adaptors.toml) -> docs/adaptors.rst
  adaptor-docs check     asks the servers, and prints where they differ from the facts
"""
_STATUS = "Exit status: 0 done, or no difference; 1 differences were found and printed; 2 the command failed."
_TARGET = "the server to ask (default: embedded: and java:, one after the other)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (those of the process by default); return its exit status, explained in ``--help``."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (AdaptorDocsError, jinja2.TemplateError, OSError) as error:
        print(f"adaptor-docs {options.command}: {_explain(error)}", file=sys.stderr)
        return 2
    return status


def _explain(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateNotFound):
        return f"template {error} not found; name its directory with --templates, or run this from the top of the repository"
    return str(error)


def _collect(options: argparse.Namespace) -> int:
    for target, path in _snapshots(options.target, options.output, "--output"):
        _write(path, take_snapshot(target))
    return 0


def _check(options: argparse.Namespace) -> int:
    return max(_check_one(target, path) for target, path in _snapshots(options.target, options.facts, "--facts"))


def _check_one(target: str, path: Path) -> int:
    facts = load_facts(path)
    found = tell_all(differences(facts, ask(target)), str(path), target)
    print("\n".join(found) or f"{target} has what {path} says: {len(facts.filesystems)} file systems, {len(facts.schedulers)} schedulers")
    if found:
        print(f"adaptor-docs: {path} is not up to date; run 'adaptor-docs collect' and review what it changes", file=sys.stderr)
    return 1 if found else 0


def _snapshots(target: str | None, path: Path | None, option: str) -> list[tuple[str, Path]]:
    """Return the targets to ask, each with the file of its snapshot."""
    if target is None and path is None:
        return [(f"{server}:", SNAPSHOTS[server]) for server in SERVERS]
    if target is None:
        raise AdaptorDocsError(f"{option} is for one server; name it with --target")
    path = path or SNAPSHOTS.get(target.partition(":")[0])
    if path is None:
        raise AdaptorDocsError(f"there is no snapshot for {target}; name the file with {option}")
    return [(target, path)]


def _render(options: argparse.Namespace) -> int:
    facts = {server: getattr(options, server) for server in SERVERS}
    text = render(facts, options.words, options.templates)
    return _compare(options.output, text) if options.check else _write(options.output, text)


def _compare(path: Path, text: str) -> int:
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
    _add_collect(commands)
    _add_render(commands)
    _add_check(commands)
    return parser


def _add_collect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Ask servers for the names, types, defaults and flags of their adaptors. Their descriptive sentences are left out."
    collect = commands.add_parser("collect", help="ask the servers for the facts about their adaptors", description=text, epilog=_STATUS)
    collect.set_defaults(run=_collect)
    collect.add_argument("--target", metavar="TARGET", help=_TARGET)
    collect.add_argument("--output", type=Path, metavar="FILE", help="the file to write (default: the target's, below protos/)")


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    page = commands.add_parser(
        "render", help="render the page from facts and words", description="Render the page. No server is needed.", epilog=_STATUS
    )
    page.set_defaults(run=_render)
    for server, path in SNAPSHOTS.items():
        page.add_argument(f"--{server}", type=Path, default=path, metavar="FILE", help=f"the facts of {server}: (default: %(default)s)")
    page.add_argument("--words", type=Path, default=Path("protos/adaptors.toml"), metavar="FILE", help="our words (default: %(default)s)")
    page.add_argument("--templates", type=Path, default=Path("templates/docs"), metavar="DIR", help="the template (default: %(default)s)")
    page.add_argument("--output", type=Path, default=Path("docs/adaptors.rst"), metavar="FILE", help="the page (default: %(default)s)")
    page.add_argument("--check", action="store_true", help="write nothing; exit with 1 and a diff if the page is not up to date")


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Ask servers for their adaptors, and print where they differ from the stored facts. Writes nothing."
    check = commands.add_parser("check", help="compare the facts with running servers", description=text, epilog=_STATUS)
    check.set_defaults(run=_check)
    check.add_argument("--target", metavar="TARGET", help=_TARGET)
    check.add_argument("--facts", type=Path, metavar="FILE", help="the facts to compare with (default: the target's, below protos/)")


if __name__ == "__main__":
    sys.exit(main())
