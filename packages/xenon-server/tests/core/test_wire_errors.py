"""Errors on their way: what arrives is what was raised, and old clients can name it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyxenon_core import errors
from pyxenon_core.errors import Status, XenonError, from_status
from pyxenon_server.grpc.errors import to_status

NAMED: list[type[XenonError]] = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type)
    and issubclass(kind, XenonError)
    and name.endswith("Exception")
    and kind is not XenonError
]
ROOT = "nl.esciencecenter.xenon"
TABLE = {
    Status.NOT_FOUND: {
        f"{ROOT}.filesystems.NoSuchPathException",
        f"{ROOT}.UnknownAdaptorException",
        f"{ROOT}.UnknownPropertyException",
        f"{ROOT}.schedulers.NoSuchQueueException",
    },
    Status.ALREADY_EXISTS: {f"{ROOT}.filesystems.PathAlreadyExistsException"},
    Status.UNIMPLEMENTED: {f"{ROOT}.UnsupportedOperationException", f"{ROOT}.schedulers.UnsupportedJobDescriptionException"},
    Status.INVALID_ARGUMENT: {"java.lang.IllegalArgumentException", f"{ROOT}.schedulers.IncompleteJobDescriptionException"},
    Status.UNAVAILABLE: {f"{ROOT}.NotConnectedException"},
    Status.FAILED_PRECONDITION: {
        f"{ROOT}.filesystems.InvalidPathException",
        f"{ROOT}.InvalidPropertyException",
        f"{ROOT}.InvalidCredentialException",
        f"{ROOT}.InvalidLocationException",
        f"{ROOT}.schedulers.InvalidJobDescriptionException",
    },
}
reasons = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).map(str.rstrip).filter(bool)


def test_there_are_exceptions() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize("kind", [*NAMED, XenonError], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("adaptor", ["", "sftp", "my-own"])
def test_what_arrives_is_what_was_raised(kind: type[XenonError], adaptor: str) -> None:
    @settings(max_examples=10, database=None)
    @given(reasons)
    def check(reason: str) -> None:
        raised = kind(reason, adaptor=adaptor)
        found = from_status(*to_status(raised))
        assert type(found) is kind
        assert (found.reason, found.adaptor, found.status, found.hint) == (reason, adaptor, raised.status, raised.hint)

    check()


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.__name__)
def test_the_words_begin_as_clients_expect(kind: type[XenonError]) -> None:
    status, details = to_status(kind("it is so", adaptor="file"))
    name, colon, words = details.partition(": ")
    assert name.endswith(f".{kind.__name__}") and colon and words == "file adaptor: it is so"
    wanted = next(
        (code for code, names in TABLE.items() if name in names), Status.UNKNOWN if kind is errors.UnknownRpcException else Status.INTERNAL
    )
    assert status == wanted


def test_every_name_of_the_table_is_given() -> None:
    given_ones = {to_status(kind("x"))[1].partition(": ")[0] for kind in NAMED}
    assert set().union(*TABLE.values()) <= given_ones


def test_what_to_try_travels_behind_the_words() -> None:
    assert to_status(errors.NoSuchPathException("gone", hint="Look elsewhere"))[1].endswith("NoSuchPathException: gone. Look elsewhere")
    assert to_status(errors.NoSuchPathException("gone!", hint="Look elsewhere"))[1].endswith(": gone! Look elsewhere")


@pytest.mark.parametrize(
    ("kind", "what"), [(errors.FileSystemClosedException, "File system"), (errors.SchedulerClosedException, "Scheduler")]
)
def test_a_closed_handle_has_no_name(kind: type[XenonError], what: str) -> None:
    status, details = to_status(kind(f"{what} with id: x:1 is not open"))
    assert (status, details) == (Status.NOT_FOUND, f"{what} with id: x:1")
    assert type(from_status(status, details)) is kind


def test_what_is_raised_in_this_process_still_becomes_an_error() -> None:
    for error in (
        errors.TargetError("x:", "no"),
        errors.SessionClosedError("closed"),
        errors.ProtocolError("odd"),
        XenonError("", status=Status.OK),
    ):
        status, details = to_status(error)
        assert status is not Status.OK
        assert isinstance(from_status(status, details), XenonError)
