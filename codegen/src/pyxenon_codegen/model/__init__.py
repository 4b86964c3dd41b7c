"""The interface as the templates see it: frozen, typed, with all decisions made.

A service such as ``FileSystemService`` works on a *handle*, the message that its ``create`` returns. Which argument of an RPC is
the handle, which parameters a method has, which are optional, what is streamed, and what a caller gets back follow from the shapes of the
messages by the rules in :mod:`pyxenon_codegen.methods`; :mod:`pyxenon_codegen.overrides` has the exceptions.
"""

from __future__ import annotations

from attrs import frozen

from pyxenon_codegen.model.messages import PATH_MESSAGE, EnumModel, EnumValue, Field, Member, Message, Shape
from pyxenon_codegen.model.methods import Conversion, Method, Parameter, Raised, Result, Stream, Wait

__all__ = [
    "PATH_MESSAGE",
    "Conversion",
    "EnumModel",
    "EnumValue",
    "Field",
    "Interface",
    "Member",
    "Message",
    "Method",
    "Parameter",
    "Raised",
    "Result",
    "Service",
    "Shape",
    "Stream",
    "Wait",
]


@frozen
class Service:
    """A service and the handle that its methods work on."""

    name: str
    handle: str
    doc: str
    methods: tuple[Method, ...]

    @property
    def module(self) -> str:
        """The module that the service's classes are rendered into: ``filesystem`` for ``FileSystemService``."""
        return self.handle.lower()

    @property
    def collection(self) -> str:
        """The attribute of a client for methods that need no handle: ``filesystems``."""
        return f"{self.module}s"

    @property
    def static_methods(self) -> tuple[Method, ...]:
        """The methods that need no handle."""
        return tuple(method for method in self.methods if method.is_static)

    @property
    def handle_methods(self) -> tuple[Method, ...]:
        """The methods of one file system or scheduler."""
        return tuple(method for method in self.methods if not method.is_static)


@frozen
class Interface:
    """The whole interface."""

    package: str
    messages: tuple[Message, ...]
    enums: tuple[EnumModel, ...]
    services: tuple[Service, ...]

    @property
    def all_enums(self) -> tuple[EnumModel, ...]:
        """Every enumeration, nested ones included."""
        nested = tuple(enum for message in self.messages for enum in message.enums)
        return self.enums + nested

    @property
    def views(self) -> tuple[Message, ...]:
        """The messages that callers see through a view, because they hold paths."""
        shown = {
            method.response.name for service in self.services for method in service.methods if method.result.conversion is Conversion.VIEW
        }
        return tuple(message for message in self.messages if message.name in shown)

    @property
    def descriptions(self) -> tuple[Message, ...]:
        """The messages that users fill in, such as a job description."""
        wanted = {
            parameter.field.type_name
            for service in self.services
            for method in service.methods
            for parameter in method.parameters
            if parameter.conversion is Conversion.PLAIN and parameter.field.shape is Shape.MESSAGE and not parameter.field.oneof
        }
        return tuple(message for message in self.messages if message.name in wanted and not message.is_identity)
