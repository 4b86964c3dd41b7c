"""Every RPC of the descriptor is reachable from both layers, with types and words."""

from __future__ import annotations

import dataclasses
import inspect
import pydoc
import re
import typing
from pathlib import Path

import betterproto2
import pytest

import pyxenon
import pyxenon_core
import xenon
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.naming import python_name
from pyxenon_core import messages, services
from pyxenon_core.message import Message
from pyxenon_core.services import FileSystemServicer, SchedulerServicer

ROOT = Path(__file__).parent.parent
FILE = compile_proto(ROOT / "protos" / "xenon.proto")
RPCS = [(service.name, rpc.name) for service in FILE.service for rpc in service.method]
SYNC = {"FileSystemService": xenon.FileSystem, "SchedulerService": xenon.Scheduler}
ASYNC = {
    "FileSystemService": (pyxenon_core.FileSystem, pyxenon_core.FileSystems),
    "SchedulerService": (pyxenon_core.Scheduler, pyxenon_core.Schedulers),
}
SERVICERS = {"FileSystemService": FileSystemServicer, "SchedulerService": SchedulerServicer}


def test_there_are_fifty_nine() -> None:
    assert len(RPCS) == 59
    assert set(services.RPCS) == {f"/xenon.{service}/{rpc}" for service, rpc in RPCS}


@pytest.mark.parametrize(("service", "rpc"), RPCS)
def test_each_is_reachable_from_both_layers(service: str, rpc: str) -> None:
    name = python_name(rpc)
    synchronous = getattr(SYNC[service], name)
    asynchronous = next(getattr(owner, name) for owner in ASYNC[service] if hasattr(owner, name))
    assert hasattr(SERVICERS[service], name)
    for method in (synchronous, asynchronous):
        words = inspect.getdoc(method)
        assert words and words[0].isupper()
        signature = inspect.signature(method)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.name == "self" or parameter.annotation is not inspect.Parameter.empty
            assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize(("service", "rpc"), RPCS)
def test_the_layers_have_the_same_signature(service: str, rpc: str) -> None:
    name = python_name(rpc)
    synchronous = inspect.signature(getattr(SYNC[service], name))
    asynchronous = inspect.signature(next(getattr(owner, name) for owner in ASYNC[service] if hasattr(owner, name)))
    both = [[p for p in signature.parameters.values() if p.name != "self"] for signature in (synchronous, asynchronous)]
    assert [(p.name, p.default) for p in both[0]] == [(p.name, p.default) for p in both[1]]


def test_every_public_name_has_a_docstring() -> None:
    for module in (xenon, pyxenon_core, xenon.exceptions, messages, services):
        for name in module.__all__:
            public = getattr(module, name)
            assert isinstance(public, (str, dict, list, services.Rpc)) or inspect.getdoc(public), f"{module.__name__}.{name}"
            for member, value in vars(public).items() if inspect.isclass(public) else ():
                if callable(value) and not member.startswith("_") and not inspect.isclass(value):
                    assert inspect.getdoc(getattr(public, member)), f"{module.__name__}.{name}.{member}"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (xenon.FileSystem.copy, ["self", "source", "destination_filesystem", "destination", "mode", "recursive"]),
        (xenon.FileSystem.write_to_file, ["self", "path", "data_stream", "size"]),
        (xenon.FileSystem.list, ["self", "dir", "recursive"]),
        (xenon.FileSystem.wait_until_done, ["self", "copy_operation", "timeout"]),
        (xenon.FileSystem.create_symbolic_link, ["self", "link", "target"]),
        (xenon.Scheduler.submit_interactive_job, ["self", "description", "stdin_stream"]),
        (xenon.Scheduler.wait_until_done, ["self", "job", "timeout"]),
        (
            xenon.FileSystem.create,
            [
                "adaptor",
                "location",
                "properties",
                "certificate_credential",
                "password_credential",
                "default_credential",
                "credential_map",
                "keytab_credential",
            ],
        ),
    ],
)
def test_the_arguments_have_the_names_of_pyxenon_3(method: typing.Any, parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def test_the_names_of_pyxenon_3_are_all_there() -> None:
    old = (
        "init FileSystem Scheduler Path Job JobDescription JobStatus QueueStatus CopyMode CopyRequest CopyStatus PosixFilePermission "
        "PropertyDescription CertificateCredential PasswordCredential KeytabCredential DefaultCredential UserCredential CredentialMap "
        "XenonException UnknownRpcException PathAlreadyExistsException __version__"
    ).split()
    assert set(old) <= set(xenon.__all__)
    for status in (messages.JobStatus, messages.CopyStatus, messages.QueueStatus):
        assert status.ErrorType.NONE == 0
    parameters = inspect.signature(xenon.init).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert defaults == {"port": None, "do_not_exit": False, "disable_tls": False, "log_level": "WARNING", "target": None}
    assert list(parameters)[:4] == ["port", "do_not_exit", "disable_tls", "log_level"]


@pytest.mark.parametrize("module", [xenon, pyxenon_core, messages, services, xenon.exceptions])
def test_help_works_on_everything(module: typing.Any) -> None:
    assert module.__name__.rpartition(".")[2] in pydoc.render_doc(module)
    for name in module.__all__:
        public = getattr(module, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            assert public.__name__ in pydoc.plain(pydoc.render_doc(public))


# --- what help() shows ----------------------------------------------------------------------------------------------------------------

INSIDES = re.compile(r"betterproto|protobuf|\bproto\b|\bwire\b|\bgrpc\b|xenon-grpc|\bjava\b", re.IGNORECASE)
# Not insides: the forms of a target, and the parameter of Python's own __reduce_ex__.
HARMLESS = re.compile(r"``java:``|``grpcs?://[^`]*``|__reduce_ex__\(self, proto\)")
# The Java server is the subject of the function that starts it.
ABOUT_JAVA = {"xenon.init", "pyxenon.init"}
CLASSES_WITH_FIELDS = (
    *(name for name in pyxenon.__all__ if inspect.isclass(getattr(pyxenon, name)) and issubclass(getattr(pyxenon, name), Message)),
    "PathAttributes",
)


def _help(thing: object) -> str:
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)  # type: ignore[attr-defined]  # typeshed does not have it


@pytest.mark.parametrize("name", CLASSES_WITH_FIELDS)
def test_help_shows_each_field_with_its_type_and_meaning(name: str) -> None:
    public = getattr(xenon, name)
    shown = " ".join(_help(public).replace("|", " ").split())
    message = getattr(messages, name)
    assert message.__dataclass_fields__
    for field in dataclasses.fields(message):
        attribute = re.search(rf" {field.name} \(\w[^()]*\): \S+", shown)
        assert attribute, f"{name}.{field.name}"
    assert not INSIDES.search(shown)
    assert " SerializeToString" not in shown
    assert " __init__" not in shown or public is pyxenon_core.PathAttributes


@pytest.mark.parametrize("name", ["CopyMode", "PosixFilePermission"])
def test_help_shows_each_value_with_its_meaning(name: str) -> None:
    shown = _help(getattr(xenon, name))
    for member in getattr(xenon, name):
        assert re.search(rf"\| +{member.name}: \w+", shown), f"{name}.{member.name}"
    assert not INSIDES.search(shown)
    assert "to_bytes" not in shown


def test_what_help_leaves_out_of_a_message_works() -> None:
    description = xenon.JobDescription(executable="hostname")
    assert xenon.JobDescription.FromString(description.SerializeToString()) == description
    assert description.is_set("executable")
    assert xenon.JobDescription.from_dict(description.to_dict()) == description
    assert isinstance(description, betterproto2.Message)
    assert xenon.CopyMode.from_string("REPLACE") is xenon.CopyMode.REPLACE
    assert xenon.CopyMode(9).value == 9


@pytest.mark.parametrize("module", [xenon, pyxenon, pyxenon_core, pyxenon_core.errors, messages])
def test_help_on_a_public_name_speaks_of_no_insides(module: typing.Any) -> None:
    found = [f"{module.__name__}: {line}" for line in _insides(inspect.getdoc(module) or "")]
    for name in module.__all__:
        public = getattr(module, name)
        if f"{module.__name__}.{name}" not in ABOUT_JAVA and (inspect.isclass(public) or inspect.isfunction(public)):
            found += [f"{module.__name__}.{name}: {line}" for line in _insides(_help(public))]
    assert found == []


def _insides(text: str) -> list[str]:
    return [line.strip(" |") for line in text.splitlines() if INSIDES.search(HARMLESS.sub("", line))]
