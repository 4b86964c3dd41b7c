"""A difference between two releases, and the version number that follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen


class What(Enum):
    """A kind of change."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"


@frozen
class Change:
    """An addition, removal, renaming or change of something of some *kind*.

    ``detail`` says what it was and is. ``effect`` says what programs notice, in Python terms; ``breaks`` is True if some stop working.
    """

    what: What
    kind: str
    name: str
    detail: str = ""
    effect: str = ""
    breaks: bool = False


class Level(Enum):
    """The part of the version number that the changes increase."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


def level_of(changes: Iterable[Change]) -> Level:
    """Return MAJOR if programs break, MINOR if something is new, PATCH for anything else."""
    changes = list(changes)
    if any(change.breaks for change in changes):
        return Level.MAJOR
    if any(change.what is What.ADDED for change in changes):
        return Level.MINOR
    return Level.PATCH if changes else Level.NONE


def next_version(current: str, level: Level) -> str:
    """Return the version that *level* requires after *current* (``4.1.2``, or ``4.0.0.dev0`` while 4.0.0 is unreleased)."""
    release = ".".join(current.split(".")[:3])
    major, minor, patch = (int(part) for part in release.split("."))
    if level is Level.NONE:
        return current
    if release != current and _covers(minor, patch, level):
        return release
    raised = {Level.MAJOR: (major + 1, 0, 0), Level.MINOR: (major, minor + 1, 0), Level.PATCH: (major, minor, patch + 1)}
    return ".".join(str(part) for part in raised[level])


def _covers(minor: int, patch: int, level: Level) -> bool:
    """Return True if an unreleased version is already high enough for *level*."""
    announced = Level.PATCH if patch else Level.MINOR if minor else Level.MAJOR
    order = list(Level)
    return order.index(announced) >= order.index(level)
