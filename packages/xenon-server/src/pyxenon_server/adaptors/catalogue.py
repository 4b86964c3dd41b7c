"""The adaptors that are installed, found through entry points, and how one is opened."""

from __future__ import annotations

import copy
import difflib
import logging
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pyxenon_core.errors import UnknownAdaptorException, XenonError
from pyxenon_server.adaptors.base import Adaptor, OpenRequest
from pyxenon_server.adaptors.credentials import Credential, credential_of, require_supported
from pyxenon_server.adaptors.properties import Properties

if TYPE_CHECKING:
    from pyxenon_server.adaptors.resources import Resources

__all__ = ["Catalogue"]

A = TypeVar("A", bound=Adaptor)
D = TypeVar("D")

_log = logging.getLogger("xenon.server")


class Catalogue(Generic[A]):
    """The adaptors of one kind. Each is imported when it is first asked for.

    Args:
        group: The entry point group in which packages name their adaptors.
        base: The class that each of them extends.
    """

    def __init__(self, group: str, base: type[A]) -> None:
        self._group = group
        self._points = {point.name: point for point in metadata.entry_points(group=group)}
        self._base = base
        self._loaded: dict[str, type[A]] = {}

    def names(self) -> list[str]:
        """The names, in alphabetical order."""
        return sorted(self._points)

    def get(self, name: str) -> type[A]:
        """The adaptor of that name; raises UnknownAdaptorException."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def describe_all(self, describe: Callable[[type[A]], D], instead: Callable[[str, str], D]) -> list[D]:
        """What *describe* says of each adaptor; for one that is broken what *instead* makes of its name and of what is wrong with it."""
        return [self._describe(name, describe, instead) for name in self.names()]

    async def open(self, request: Any, resources: Resources) -> A:
        """Check a request to create something, and open it; raises what says why that cannot be."""
        # In this process it is the caller's own object, which may be changed and used for something else.
        credential = copy.deepcopy(credential_of(request))
        return await self.open_at(request.adaptor, request.location, credential, request.properties, resources)

    async def open_at(self, name: str, location: str, credential: Credential, properties: Mapping[str, str], resources: Resources) -> A:
        """Open *location* with the adaptor *name*; raises what says why that cannot be."""
        adaptor = self.get(name)
        require_supported(adaptor.name, adaptor.credentials, credential)
        checked = Properties.check(adaptor.name, adaptor.properties, properties)
        return await adaptor.open(OpenRequest(location, credential, checked, resources))

    def _describe(self, name: str, describe: Callable[[type[A]], D], instead: Callable[[str, str], D]) -> D:
        try:
            return describe(self.get(name))
        except Exception as error:  # noqa: BLE001 - told in place of the description: other people's adaptors may raise anything
            reason = error.reason if isinstance(error, XenonError) else f"{type(error).__name__}: {error}"
            _log.warning("the adaptor %s cannot be described: %s", name, reason)
            return instead(name, f"It cannot be used: {reason}")

    def _load(self, name: str) -> type[A]:
        point = self._points.get(name)
        if point is None:
            raise _unknown(name, self._group, self._points)
        try:
            adaptor = point.load()
        except Exception as error:
            raise _broken(point, f"cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(adaptor, type) or not issubclass(adaptor, self._base):
            raise _broken(point, f"is no {self._base.__name__} of {self._base.__module__}")
        if getattr(adaptor, "name", name) != name:
            raise _broken(point, f"calls itself {adaptor.name}")
        return adaptor


# What this server does not have, or not yet, and the other one has.
_OF_THE_JAVA_SERVER = frozenset({"at", "ftp", "gridengine", "s3", "torque", "webdav"})
# For who mixes the two up: where else to look, and what such a thing is.
_OTHER_GROUP = {
    "xenon.filesystems": ("xenon.schedulers", "of schedulers, and made with Scheduler.create"),
    "xenon.schedulers": ("xenon.filesystems", "of file systems, and made with FileSystem.create"),
}
_ELSEWHERE = ". The Java server has it: pip install 'pyxenon[java]', and choose the target 'java:'"


def _broken(point: metadata.EntryPoint, why: str) -> XenonError:
    package = f" of the package {point.dist.name}" if point.dist is not None else ""
    hint = "Reinstall that package, or remove it"
    return XenonError(f"the adaptor {point.name}, {point.value}{package}, {why}", hint=hint)


def _unknown(name: str, group: str, known: Mapping[str, object]) -> UnknownAdaptorException:
    other, what = _OTHER_GROUP[group]
    if metadata.entry_points(group=other, name=name):
        return UnknownAdaptorException(f"{name!r} is an adaptor {what}")
    near = difflib.get_close_matches(name, list(known), n=1)
    guess = f"; did you mean {near[0]!r}?" if near and name not in _OF_THE_JAVA_SERVER else ""
    elsewhere = _ELSEWHERE if name in _OF_THE_JAVA_SERVER else ""  # in the reason, since no hint travels over the wire
    return UnknownAdaptorException(f"there is no adaptor {name!r}; there are {', '.join(sorted(known))}{guess}{elsewhere}")
