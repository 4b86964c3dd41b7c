"""Upgrade to another release of xenon-grpc: prepare everything in a temporary tree, then replace all files or none."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from pyxenon_adaptor_docs import SNAPSHOTS
from pyxenon_adaptor_docs.facts import Facts, load_facts, parse_facts
from pyxenon_codegen import freshness, tree_checks
from pyxenon_codegen.adaptor_words import adaptor_words_text, fit_adaptor_words, skeleton_text
from pyxenon_codegen.atomic_replace import differing, replace_files
from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.generate import GENERATED_FOLDERS, PROTO, WORDS, bare_proto, generate
from pyxenon_codegen.releases import ADAPTORS, PIN, ReleaseFacts, facts_of, facts_of_tree, pin_text
from pyxenon_codegen.report import Report, compare, report_text
from pyxenon_codegen.toml_text import require_comments
from pyxenon_codegen.words_file import FittedWords, WordsFile, fit_words, name_of, read_words_file, words_text

ADAPTOR_WORDS = "protos/adaptors.toml"
Say = Callable[[str], None]
_VERSION_OF = "packages/xenon-core/src/pyxenon_core/__init__.py"
_SKELETON = "# Words for an upgrade: fill them in, and run the upgrade with --words again.\n"
_ADAPTOR_SKELETON = f"""{_SKELETON}# [locations] says what each form of location means; the locations of an
# adaptor have an example of each, such as sftp.example.org/data.
"""
_SOURCES = ("protos", "templates", "packages", "tools", "benchmarks", "examples", "tests/downstream", "pyproject.toml", "docs/adaptors.rst")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "node_modules", "tests", "*.egg-info")


@frozen
class Outcome:
    """The outcome of an upgrade: its report, the changed files, and what is left to do by hand."""

    report: Report
    text: str
    changed: Sequence[str] = ()
    by_hand: Sequence[str] = ()
    problems: Sequence[str] = ()


@frozen
class _NewWords:
    """The words after the upgrade, and what is wrong with them; ``skeleton`` has the files to be filled in."""

    files: Mapping[str, str]
    problems: Sequence[str] = ()
    skeleton: Mapping[str, str] = field(factory=dict, repr=False)


def upgrade(root: Path, source: str, *, words: Path | None = None, dry_run: bool = False, say: Say = print) -> Outcome:
    """Upgrade the repository at *root* to the release *source*, in any form that :func:`pyxenon_codegen.releases.facts_of` accepts.

    *words* is a directory with a ``words.toml`` and an ``adaptors.toml`` for what is new; if it does not exist, it is created with what is
    to be filled in. The files of *root* are replaced at the end, all of them or none; with *dry_run* none are. If words are missing,
    nothing changes and the outcome has the problems. Raises :class:`CodegenError` if the release cannot be used for any other reason.
    """
    say(f"reading the interface and the adaptors of {source}")
    before, after = facts_of_tree(root), facts_of(source, root)
    after = after if after.pin else evolve(after, pin=before.pin)
    report = compare(before, after)
    version = _version(root)
    if report.is_empty:
        return Outcome(report, report_text(report, version))
    fitted = _fit(root, after, words)
    if fitted.problems:
        _leave_skeleton(words, fitted, dry_run)
        return Outcome(report, report_text(report, version, [("Words that are missing", fitted.problems)]), problems=fitted.problems)
    return _carry_out(root, report, version, fitted, dry_run, say)


def difference(root: Path, before: str, after: str) -> str:
    """Return the report on what differs between two releases, in any form that :func:`pyxenon_codegen.releases.facts_of` accepts."""
    version = _version(root)
    return report_text(compare(facts_of(before, root), facts_of(after, root)), version)


def _version(root: Path) -> str:
    """Return the version of the packages, which has one place."""
    found = re.search(r'^__version__ = "(.+)"$', (root / _VERSION_OF).read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise CodegenError(f'{_VERSION_OF} has no line __version__ = "..."')
    return found[1]


def _carry_out(root: Path, report: Report, version: str, words: _NewWords, dry_run: bool, say: Say) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="xenon-upgrade-") as folder:
        tree = Path(folder)
        say("generating all files in a temporary tree")
        _copy(root, tree)
        changes = differing(root, _wanted(tree, report.after, words))
        say("checking types")
        by_hand = tree_checks.check(tree)
    text = report_text(report, version, [("To be done by hand", by_hand), ("Files", sorted(changes))])
    if not dry_run:
        replace_files(root, changes)
    return Outcome(report, text, sorted(changes), by_hand)


def _copy(root: Path, tree: Path) -> None:
    for name in _SOURCES:
        source, target = root / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_OUT)
        elif source.is_file():
            shutil.copy(source, target)


def _wanted(tree: Path, release: ReleaseFacts, words: _NewWords) -> dict[str, str | None]:
    """Return the new text of the repository's files, generated in *tree* and checked to be stable."""
    facts = {PIN: pin_text(release.pin or {}), ADAPTORS: release.adaptors, **words.files}
    for name, text in {**facts, PROTO: bare_proto(tree, release.file)}.items():
        (tree / name).write_text(text, encoding="utf-8")
    orphans = freshness.find_orphans(tree, generated := generate(tree), GENERATED_FOLDERS)
    freshness.write_tree(tree, generated, GENERATED_FOLDERS)
    stale = freshness.compare(tree, generate(tree), GENERATED_FOLDERS)
    if stale:
        raise CodegenError("generating twice gives different files; a template is at fault:\n" + "".join(stale))
    return {**facts, **generated, **dict.fromkeys(orphans)}


def _fit(root: Path, release: ReleaseFacts, folder: Path | None) -> _NewWords:
    more = [read_words_file(folder / name) if folder else WordsFile("", {}) for name in ("words.toml", "adaptors.toml")]
    fitted = fit_words(read_words_file(root / WORDS), more[0], release.file)
    adaptors = fit_adaptor_words(read_words_file(root / ADAPTOR_WORDS), more[1], _facts(root, release))
    files = {WORDS: words_text(fitted.file, release.file), ADAPTOR_WORDS: _adaptor_words(root, adaptors.file)}
    problems = [*_problems(fitted), *(f"`adaptors.toml`: {complaint}" for complaint in adaptors.complaints)]
    skeleton = {"words.toml": _skeleton(fitted, release), "adaptors.toml": skeleton_text(_ADAPTOR_SKELETON, adaptors.missing)}
    return _NewWords(files, problems, skeleton)


def _adaptor_words(root: Path, words: WordsFile) -> str:
    """Return the text of ``adaptors.toml``, unchanged if the words are."""
    before = (root / ADAPTOR_WORDS).read_text(encoding="utf-8")
    if read_words_file(root / ADAPTOR_WORDS) == words:
        return before
    after = adaptor_words_text(words)
    require_comments(ADAPTOR_WORDS, before, after)
    return after


def _facts(root: Path, release: ReleaseFacts) -> dict[str, Facts]:
    """Return the adaptors of each server; those of the Java server are the release's."""
    parsed = parse_facts(json.loads(release.adaptors), release.name)
    return {server: parsed if str(path) == ADAPTORS else load_facts(root / path) for server, path in SNAPSHOTS.items()}


def _problems(fitted: FittedWords) -> list[str]:
    missing = [f"`words.toml`: no word for {name_of(place)}" for place in fitted.missing]
    return missing + [f"`words.toml`: under `removed`, what programs use instead of {name}, which is gone" for name in fitted.lost]


def _skeleton(fitted: FittedWords, release: ReleaseFacts) -> str:
    nothing = WordsFile(_SKELETON, {})
    asked = fit_words(nothing, nothing, release.file).file.tables
    tables = {part: _only(asked[part], [place[1:] for place in fitted.missing if place[0] == part]) for part in asked if part != "removed"}
    return words_text(WordsFile(_SKELETON, {**tables, "removed": dict.fromkeys(fitted.lost, "")}), release.file)


def _only(tables: Mapping[str, object], places: Sequence[tuple[str, ...]]) -> dict[str, object]:
    """What of *tables* the *places* lead to."""
    result: dict[str, object] = {}
    for key in tables:
        inner, rest = tables[key], [place[1:] for place in places if place[0] == key]
        if rest:
            result[key] = _only(inner, rest) if isinstance(inner, dict) and all(rest) else inner
    return result


def _leave_skeleton(folder: Path | None, words: _NewWords, dry_run: bool) -> None:
    if folder is not None and not folder.exists() and not dry_run:
        folder.mkdir(parents=True)
        for name, text in words.skeleton.items():
            (folder / name).write_text(text, encoding="utf-8")
