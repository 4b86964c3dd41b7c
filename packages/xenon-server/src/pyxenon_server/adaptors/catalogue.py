"""The catalogue of installed adaptors: finds them through entry points and opens them."""

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
    """The adaptors of one kind. Each is imported on first use.

    Args:
        group: The entry point group in which packages register their adaptors.
        base: The class that every adaptor of this kind extends.
    """

    def __init__(self, group: str, base: type[A]) -> None:
        self._group = group
        self._points = {point.name: point for point in metadata.entry_points(group=group)}
        self._base = base
        self._loaded: dict[str, type[A]] = {}

    def names(self) -> list[str]:
        """Return the adaptors' names, in alphabetical order."""
        return sorted(self._points)

    def get(self, name: str) -> type[A]:
        """Return the adaptor called *name*. Raises UnknownAdaptorException."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def describe_all(self, describe: Callable[[type[A]], D], instead: Callable[[str, str], D]) -> list[D]:
        """Return *describe(adaptor)* for each adaptor, or *instead(name, problem)* for one that is broken."""
        return [self._describe(name, describe, instead) for name in self.names()]

    async def open(self, request: Any, resources: Resources) -> A:
        """Check a request to open a file system or scheduler, and open it. Raises the error that gives the cause if it cannot be opened."""
        # In-process, the credential is the caller's own object, which the caller may change and reuse.
        credential = copy.deepcopy(credential_of(request))
        return await self.open_at(request.adaptor, request.location, credential, request.properties, resources)

    async def open_at(self, name: str, location: str, credential: Credential, properties: Mapping[str, str], resources: Resources) -> A:
        """Open *location* with the adaptor *name*. Raises the error that gives the cause if it cannot be opened."""
        adaptor = self.get(name)
        require_supported(adaptor.name, adaptor.credentials, credential)
        checked = Properties.check(adaptor.name, adaptor.properties, properties)
        return await adaptor.open(OpenRequest(location, credential, checked, resources))

    def _describe(self, name: str, describe: Callable[[type[A]], D], instead: Callable[[str, str], D]) -> D:
        try:
            return describe(self.get(name))
        except Exception as error:  # noqa: BLE001 - third-party adaptors may raise anything; reported in place of the description
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
            raise _broken(point, f"is not a subclass of {self._base.__module__}.{self._base.__name__}")
        if getattr(adaptor, "name", name) != name:
            raise _broken(point, f"has a different name, {adaptor.name}, in its class")
        return adaptor


# Adaptors that only the Java server has.
_OF_THE_JAVA_SERVER = frozenset({"at", "ftp", "gridengine", "s3", "torque", "webdav"})
# For callers who confuse the two kinds: the other group to search, and how to open an adaptor of that kind.
_OTHER_GROUP = {
    "xenon.filesystems": ("xenon.schedulers", "a scheduler adaptor, not a file system adaptor; open it with Scheduler.create"),
    "xenon.schedulers": ("xenon.filesystems", "a file system adaptor, not a scheduler adaptor; open it with FileSystem.create"),
}
_ELSEWHERE = ". The Java server has it: pip install 'pyxenon[java]', and choose the target 'java:'"


def _broken(point: metadata.EntryPoint, why: str) -> XenonError:
    package = f" of the package {point.dist.name}" if point.dist is not None else ""
    hint = "Reinstall or remove that package"
    return XenonError(f"the adaptor {point.name}, {point.value}{package}, {why}", hint=hint)


def _unknown(name: str, group: str, known: Mapping[str, object]) -> UnknownAdaptorException:
    other, what = _OTHER_GROUP[group]
    if metadata.entry_points(group=other, name=name):
        return UnknownAdaptorException(f"{name!r} is {what}")
    near = difflib.get_close_matches(name, list(known), n=1)
    guess = f"; did you mean {near[0]!r}?" if near and name not in _OF_THE_JAVA_SERVER else ""
    elsewhere = _ELSEWHERE if name in _OF_THE_JAVA_SERVER else ""  # in the reason, since hints are not sent to clients
    return UnknownAdaptorException(f"unknown adaptor {name!r}; available: {', '.join(sorted(known))}{guess}{elsewhere}")
