"""The report of an upgrade for maintainers, most important first, in Markdown that is readable as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from pyxenon_codegen.adaptor_changes import adaptor_changes
from pyxenon_codegen.changes import Change, Level, What, level_of, next_version
from pyxenon_codegen.compatibility import python_changes
from pyxenon_codegen.releases import ReleaseFacts
from pyxenon_codegen.wire_changes import wire_changes

_ORDER = (What.REMOVED, What.RENAMED, What.CHANGED, What.ADDED)


@frozen
class Report:
    """The differences between two releases: for programs, in the adaptors, and on the wire."""

    before: ReleaseFacts
    after: ReleaseFacts
    python: Sequence[Change]
    adaptors: Sequence[Change]
    wire: Sequence[Change]

    @property
    def level(self) -> Level:
        """The part of the version number that the changes increase."""
        level = level_of([*self.python, *self.adaptors])
        return Level.PATCH if level is Level.NONE and (self.wire or self.before.pin != self.after.pin) else level

    @property
    def is_empty(self) -> bool:
        """True if nothing differs, not even the pinned jar."""
        return self.level is Level.NONE

    @property
    def breaking(self) -> list[Change]:
        """The changes that break working programs."""
        return [change for change in (*self.python, *self.adaptors) if change.breaks]


def compare(before: ReleaseFacts, after: ReleaseFacts) -> Report:
    """Compare two releases; raises :class:`CodegenError` if one has a shape without a rule."""
    return Report(
        before,
        after,
        python_changes(before.file, after.file),
        adaptor_changes(before.adaptors, after.adaptors),
        wire_changes(before.file, after.file),
    )


def report_text(report: Report, version: str, notes: Iterable[tuple[str, Sequence[str]]] = ()) -> str:
    """Return the report in Markdown. *version* is the current version of PyXenon; *notes* are further sections of items."""
    blocks = [f"# {report.before.name} to {report.after.name}", _verdict(report, version)]
    harmless = [change for change in (*report.python, *report.adaptors) if not change.breaks]
    blocks += _section("What breaks programs", [_item(change) for change in _sorted(report.breaking)])
    blocks += _section("What is new", [_item(change) for change in harmless if change.what is What.ADDED])
    blocks += _section("What else is different", [_item(change) for change in harmless if change.what is not What.ADDED])
    blocks += _section("On the wire", [_item(change) for change in _sorted(report.wire)])
    for title, items in notes:
        blocks += _section(title, items)
    return "\n\n".join(blocks) + "\n"


def _verdict(report: Report, version: str) -> str:
    if report.is_empty:
        return "Nothing is different."
    following = f"The version after {version} is **{next_version(version, report.level)}** ({report.level.value})."
    if not (report.python or report.adaptors):
        return f"Programs notice nothing: the interface and the adaptors are the same. {following}"
    count = len(report.breaking)
    verdict = f"**{count} change{'s' if count != 1 else ''} can break programs.**" if count else "**No program breaks.**"
    return f"{verdict} {following}"


def _section(title: str, items: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {item}" for item in items)] if items else []


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: _ORDER.index(change.what))


def _item(change: Change) -> str:
    head = f"{change.kind} `{change.name}` {change.what.value}"
    detail = f": {change.detail}" if change.detail else ""
    return f"{head}{detail}{'; ' if detail else ': '}{change.effect}" if change.effect else f"{head}{detail}"
