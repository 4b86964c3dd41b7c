"""The base class of every message: betterproto's, with secrets kept out of the repr and no attribute made by a typing error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from pyxenon_core._generated.history import REMOVED
from pyxenon_core.betterproto import betterproto2

__all__ = ["SECRET_FIELDS", "Identity", "Message", "default_message_pool", "unknown_field"]

SECRET_FIELDS = frozenset({"password", "passphrase"})

default_message_pool = betterproto2.MessagePool()  # type: ignore[no-untyped-call]  # betterproto2 leaves it untyped


def unknown_field(owner: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a field that *owner* does not have: what to use in place of one that it had, or the nearest name that it has."""
    if instead := REMOVED.get(f"{owner}.{name}"):
        return AttributeError(f"{owner} has no field {name!r} any more. {instead}")
    import difflib  # late, since nobody needs it who writes the names right

    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its fields are {', '.join(known)}"
    return AttributeError(f"{owner} has no field {name!r}; {hint}")


class _Metadata(betterproto2.ProtoClassMetadata):
    """What betterproto knows of a message class; tells inspect where it lives, so that help() does not ask a class that has no fields."""

    __slots__ = ()
    __objclass__ = betterproto2.Message


class Message(betterproto2.Message):
    """A message of the interface, typed field by field.

    Its repr shows the fields that are set, with passwords and passphrases replaced by ``***``. Setting an attribute that is not a field
    raises :class:`AttributeError`.
    """

    def __repr__(self) -> str:
        shown = (f"{name}={self._shown(name)}" for name in self._names() if self.is_set(name))
        return f"{type(self).__name__}({', '.join(shown)})"

    if not TYPE_CHECKING:  # which would take __setattr__ for leave to set any attribute, and knows no property of a class

        @betterproto2.classproperty
        def _betterproto(cls) -> betterproto2.ProtoClassMetadata:  # noqa: N805 - a property of the class
            try:
                return cls._betterproto_meta
            except AttributeError:
                cls._betterproto_meta = _Metadata(cls)
                return cls._betterproto_meta

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in self.__dataclass_fields__ and not name.startswith("_"):
                raise unknown_field(type(self).__name__, name, self._names())
            object.__setattr__(self, name, value)

    def __copy__(self, memo: Any = None) -> Self:
        return self._with_unknown_fields(super().__copy__())

    def __deepcopy__(self, memo: Any = None) -> Self:
        return self._with_unknown_fields(super().__deepcopy__())

    def _with_unknown_fields(self, again: Self) -> Self:
        """betterproto's copies leave out the fields that it does not know, which a newer server may have sent."""
        again._unknown_fields = self._unknown_fields
        return again

    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self._betterproto.sorted_field_names  # type: ignore[arg-type]  # betterproto2's classproperty is typed for no class
        return names

    def _shown(self, name: str) -> str:
        return "'***'" if name in SECRET_FIELDS else repr(getattr(self, name))


class Identity(Message):
    """A message that names a thing on the server, such as a job. Equal ids are equal, and hash alike."""

    id: str

    def __hash__(self) -> int:
        return hash((type(self), self.id))
