"""The adaptors that are installed, found through entry points, and how one is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Generic, TypeVar

from xenon_core.errors import UnknownAdaptorException, XenonError
from xenon_server.adaptor import Adaptor, Opening
from xenon_server.credentials import credential_of, require_supported
from xenon_server.properties import Properties
from xenon_server.resources import Resources

__all__ = ["Catalogue"]

A = TypeVar("A", bound=Adaptor)


class Catalogue(Generic[A]):
    """The adaptors of one kind. Each is imported when it is first asked for.

    Args:
        group: The entry point group in which packages name their adaptors.
    """

    def __init__(self, group: str) -> None:
        self._points = {point.name: point for point in metadata.entry_points(group=group)}
        self._loaded: dict[str, type[A]] = {}

    def names(self) -> list[str]:
        """The names, in alphabetical order."""
        return sorted(self._points)

    def get(self, name: str) -> type[A]:
        """The adaptor of that name; raises UnknownAdaptorException."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    async def open(self, request: Any, resources: Resources) -> A:
        """Check a request to create something, and open it; raises what says why that cannot be."""
        adaptor = self.get(request.adaptor)
        credential = credential_of(request)
        require_supported(adaptor.name, adaptor.credentials, credential)
        properties = Properties.check(adaptor.name, adaptor.properties, request.properties)
        return await adaptor.open(Opening(request.location, credential, properties, resources))

    def _load(self, name: str) -> type[A]:
        point = self._points.get(name)
        if point is None:
            raise _unknown(name, self._points)
        try:
            adaptor: type[A] = point.load()
        except Exception as error:
            raise XenonError(f"the adaptor {name} from {point.value} cannot be loaded: {type(error).__name__}: {error}") from error
        return adaptor


def _unknown(name: str, known: Mapping[str, object]) -> UnknownAdaptorException:
    near = difflib.get_close_matches(name, list(known), n=1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownAdaptorException(f"there is no adaptor {name!r}; there are {', '.join(sorted(known))}{guess}")
