"""The base classes of messages and enumerations: betterproto's, with secrets kept out of the repr and mistyped attributes refused."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from pyxenon_core._generated.history import REMOVED
from pyxenon_core.betterproto import betterproto2

__all__ = ["SECRET_FIELDS", "Enumeration", "Identity", "Message", "default_message_pool", "unknown_field"]

SECRET_FIELDS = frozenset({"password", "passphrase"})

default_message_pool = betterproto2.MessagePool()  # type: ignore[no-untyped-call]  # betterproto2 leaves it untyped


def unknown_field(owner: str, name: str, known: Iterable[str]) -> AttributeError:
    """Return the error for a field that *owner* lacks, with the replacement of a removed field or the closest existing name."""
    if instead := REMOVED.get(f"{owner}.{name}"):
        return AttributeError(f"{owner} has no field {name!r} any more. {instead}")
    import difflib  # imported late: only needed for a wrong name

    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its fields are {', '.join(known)}"
    return AttributeError(f"{owner} has no field {name!r}; {hint}")


class _Documented(type):
    """Keeps betterproto's base class out of what ``help()`` and completion show of a class; its methods still work."""

    @property
    def __mro__(cls) -> tuple[type, ...]:  # for readers such as pydoc; Python itself uses the full order
        return tuple(base for base in type.__dict__["__mro__"].__get__(cls) if not _is_foreign(base))


class _MessageType(_Documented, ABCMeta):
    def __dir__(cls) -> list[str]:
        foreign = dir(betterproto2.Message)
        return [name for name in type.__dir__(cls) if name not in foreign and not name.startswith("__")]


class _EnumerationType(_Documented, betterproto2.enum_._EnumMeta):
    def __dir__(cls) -> list[str]:
        return [*cls.__members__, "name", "value"]


def _is_foreign(base: type) -> bool:
    return base.__module__.partition(".")[0] == "betterproto2"


class Enumeration(betterproto2.Enum, metaclass=_EnumerationType):
    """An enumeration of the interface: an int that prints as its name. A number that a newer server sends is kept, without a name."""


class Message(betterproto2.Message, metaclass=_MessageType):
    """A value of the interface, typed field by field.

    Its repr shows the fields that are set, with passwords and passphrases replaced by ``***``. Setting an attribute that is not a field
    raises :class:`AttributeError`.
    """

    def __repr__(self) -> str:
        shown = (f"{name}={self._shown(name)}" for name in self._names() if self.is_set(name))
        return f"{type(self).__name__}({', '.join(shown)})"

    if not TYPE_CHECKING:  # a type checker would take __setattr__ as permission to set any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in self.__dataclass_fields__ and not name.startswith("_"):
                raise unknown_field(type(self).__name__, name, self._names())
            object.__setattr__(self, name, value)

    def __copy__(self, memo: Any = None) -> Self:
        return self._with_unknown_fields(super().__copy__())

    def __deepcopy__(self, memo: Any = None) -> Self:
        return self._with_unknown_fields(super().__deepcopy__())

    def _with_unknown_fields(self, again: Self) -> Self:
        """Copy the fields of a newer server too, which betterproto's own copies leave out."""
        again._unknown_fields = self._unknown_fields
        return again

    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self._betterproto.sorted_field_names  # type: ignore[arg-type]  # betterproto2's classproperty is typed for no class
        return names

    def _shown(self, name: str) -> str:
        return "'***'" if name in SECRET_FIELDS else repr(getattr(self, name))


class Identity(Message):
    """A message that identifies an object on the server, such as a job. Equal ids compare equal and have the same hash."""

    id: str

    def __hash__(self) -> int:
        return hash((type(self), self.id))
