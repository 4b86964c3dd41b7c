"""The Sphinx configuration of the site. Run ``make docs``, which fails on any warning."""

from __future__ import annotations

from importlib.metadata import version as version_of

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import pyxenon

project = "PyXenon"
author = "the PyXenon developers"
version = release = version_of("pyxenon")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3  # so that [words](page.md#a-heading) works on the site as in the repository

nitpicky = True  # also warn of a dead role such as :class:
nitpick_ignore_regex = [
    # The site is built without a network: names of the standard library and of other projects are not links.
    (
        "py:.*",
        r"(asyncio|builtins|collections|contextlib|concurrent|datetime|enum|os|pathlib|subprocess|threading|types|typing|_?pytest)\..*",
    ),
    # Internal types in signatures. The types that programs use are in the API.
    ("py:class", r"pyxenon\.(handle|portal)\.\w+|pyxenon_core\.(channels|failures|handle|targets)\.[\w.]+"),
    ("py:class", r"pyxenon_java\.logs\.\w+|pyxenon_server\.(adaptors\.resources|shells)\.[\w.]+|pyxenon_server\.adaptors\.properties\.T"),
    ("py:class", r"pyxenon_testing\.(client|engine)\.[\w.]+|Resources|OptionsByName"),
    ("py:class", r"dict\[str"),  # half of a quoted type
]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
autodoc_type_aliases = {
    "ByteSource": "pyxenon_core.streams.ByteSource",
    "Credential": "pyxenon_server.adaptors.credentials.Credential",
    "StrPath": "pyxenon_core.StrPath",
}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 72  # a longer signature gets one line per parameter
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"PyXenon {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False

GIVEN_BY_CALLS = {
    f"{module}.{name}"
    for module, names in {
        "xenon": ("Session", "FileSystem", "Scheduler", "ResponseStream"),
        "pyxenon_core": ("Client", "FileSystems", "FileSystem", "Schedulers", "Scheduler"),
        "pyxenon_testing": (
            "ServerFactory",
            "ScratchFileSystem",
            "ScratchScheduler",
            "Server",
            "SshServer",
            "SlurmServer",
            "Faults",
            "SlurmFaults",
        ),
    }.items()
    for name in names
}


def drop_contents(app: Sphinx, doctree: nodes.document) -> None:
    """Remove a page's table of contents, which the theme shows in the sidebar; it is for readers of the repository."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)


def name_paths(app: Sphinx, doctree: nodes.document) -> None:
    """Resolve the names in signatures that Sphinx cannot.

    A bare Path is the standard library's, which is imported only for type checkers; ours has its full name by then. Names of the package
    pyxenon are on the page of xenon, which re-exports them.
    """
    for reference in doctree.findall(addnodes.pending_xref):
        if reference.get("refdomain") == "py":
            package, _, name = reference["reftarget"].rpartition(".")
            if reference["reftarget"] == "Path":
                reference["reftarget"] = "pathlib.Path"
            elif package == "pyxenon" and name in pyxenon.__all__:
                reference["reftarget"] = f"xenon.{name}"


def keep_lines(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Remember an attribute's docstring."""
    if what in ("attribute", "data", "property"):
        kept[name] = list(lines)


def restore_lines(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Restore it after napoleon, which takes the text before a colon in the first line for a type; our types are annotations."""
    lines[:] = kept.pop(name, lines)


def drop_fields(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Leave out the list of fields at the end of a rendered class's docstring: help() needs it, and here each field has an entry."""
    if what == "class" and isinstance(obj, type) and "._generated." in obj.__module__ and "Attributes:" in lines:
        del lines[lines.index("Attributes:") :]


kept: dict[str, list[str]] = {}


def fix_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Hide the constructors of handles and exceptions, and the parameters of fixtures: programs do not use them."""
    if name in GIVEN_BY_CALLS or name.startswith("pyxenon_core.errors."):
        return "", None
    if name.startswith("pyxenon_testing.plugin."):
        return "()", returns
    # A default that is created for each call has no fixed text.
    return (signature.replace("<factory>", "..."), returns) if signature and "<factory>" in signature else None


def setup(app: Sphinx) -> None:
    """Register the event handlers."""
    app.connect("doctree-read", drop_contents)
    app.connect("doctree-read", name_paths)
    app.connect("autodoc-process-docstring", drop_fields, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", keep_lines, priority=400)
    app.connect("autodoc-process-docstring", restore_lines, priority=600)
    app.connect("autodoc-process-signature", fix_signature)
