"""Warn when the import package ``xenon`` belongs to another installed distribution besides this one.

Others publish a package ``xenon``, too. Installed together, the files of both lie in one folder, or one package hides the other, and
pip says nothing.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from pyxenon_core import __version__

_OUR_FILES = {"__init__.py", "exceptions.py", "py.typed", "__pycache__"}
_OUR_FIRST_IMPORT = b"from pyxenon import ("


def warn_of_namesakes(importer: int = 3) -> None:
    """Warn when another installed distribution has a package ``xenon``; *importer* is the stack level of the import to blame.

    The folders are looked at first, because reading the metadata of all distributions takes long.
    """
    if not any(_has_foreign_files(Path(entry)) for entry in sys.path if isinstance(entry, str)):
        return
    others = _other_distributions()
    if others:
        warnings.warn(_message(others), RuntimeWarning, stacklevel=importer)


def _has_foreign_files(folder: Path) -> bool:
    """Return True if *folder*, an entry of ``sys.path``, has a package ``xenon`` that is not entirely ours."""
    package = folder / "xenon"
    try:
        names = {path.name for path in package.iterdir()}
        if "__init__.py" not in names:
            # Python prefers a package with this file to a folder without it, so such a folder is in nobody's way.
            return False
        return bool(names - _OUR_FILES) or not _is_ours(package) or _has_metadata_of_xenon(folder)
    except OSError:  # most folders have none
        return package.with_suffix(".py").is_file()


def _is_ours(package: Path) -> bool:
    """Return True if the file that makes *package* one is ours: another distribution may have overwritten it."""
    return _OUR_FIRST_IMPORT in (package / "__init__.py").read_bytes()


def _has_metadata_of_xenon(folder: Path) -> bool:
    """Return True if a distribution named ``xenon`` is installed in *folder*: ours may have overwritten all of its files."""
    return any(path.name.startswith("xenon-") and path.suffix in {".dist-info", ".egg-info"} for path in folder.iterdir())


def _other_distributions() -> list[str]:
    """Return the names and versions of the other installed distributions that have a package or module ``xenon``."""
    from importlib.metadata import distributions  # takes tens of milliseconds, and is of use to few

    return sorted(
        {
            f"{found.name} {found.version}"
            for found in distributions()
            if found.name.lower() != "pyxenon" and _has_xenon(found.read_text("RECORD") or "", found.read_text("top_level.txt") or "")
        }
    )


def _has_xenon(record: str, top_level: str) -> bool:
    """Return True if a distribution's *record* lists a file of ``xenon``, or its *top_level* names the package."""
    return "xenon" in top_level.split() or any(line.startswith(("xenon/", "xenon.py,")) for line in record.splitlines())


def _message(others: list[str]) -> str:
    names = [other.split()[0] for other in others]
    return (
        f"The import package 'xenon' belongs to more than one installed distribution: pyxenon {__version__} and {', '.join(others)}. "
        f"Uninstall the other and install pyxenon again, because they overwrite each other's files: pip uninstall {' '.join(names)}, "
        f"then pip install --force-reinstall --no-deps pyxenon. Until then, 'import pyxenon' gives you this package."
    )
