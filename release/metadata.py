"""The part of each distribution's metadata that depends on the version, for hatchling.

Each package has a link to this file as its ``hatch_build.py``. The version is defined once, as ``__version__`` of ``pyxenon_core``. Our
distributions require each other in exactly that version, so the requirements in each ``pyproject.toml`` contain ``{version}``.
"""

from __future__ import annotations

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class VersionedRequirements(MetadataHookInterface):
    """Inserts the version into the requirements below ``tool.hatch.metadata.hooks.custom``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add ``dependencies`` and ``optional-dependencies`` to *metadata*, which already has the version."""
        version = metadata["version"]
        metadata["dependencies"] = [text.format(version=version) for text in self.config["dependencies"]]
        extras = self.config.get("optional-dependencies", {})
        if extras:
            metadata["optional-dependencies"] = {
                name: [text.format(version=version) for text in requirements] for name, requirements in extras.items()
            }
