"""From a status on the wire to an exception that says what was attempted, on what, why it failed and what to try."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core import errors, messages
from pyxenon_core._generated.errors import BY_NAME
from pyxenon_core.errors import Status, XenonError, describe, from_status, subject_of


@pytest.mark.parametrize(
    ("status", "details", "expected", "adaptor"),
    [
        (
            Status.NOT_FOUND,
            "nl.esciencecenter.xenon.filesystems.NoSuchPathException: sftp adaptor: Path does not exist: /nope",
            errors.NoSuchPathException,
            "sftp",
        ),
        (
            Status.NOT_FOUND,
            "nl.esciencecenter.xenon.UnknownAdaptorException: AdaptorLoader adaptor: Adaptor 'bla' not found",
            errors.UnknownAdaptorException,
            "",
        ),
        (Status.ALREADY_EXISTS, "a.PathAlreadyExistsException: file adaptor: there", errors.PathAlreadyExistsException, "file"),
        (Status.INVALID_ARGUMENT, "java.lang.IllegalArgumentException: no", errors.IllegalArgumentException, ""),
        (Status.INTERNAL, "nl.esciencecenter.xenon.XenonException: sftp adaptor: Connection refused", XenonError, "sftp"),
        (Status.NOT_FOUND, "File system with id: x", errors.FileSystemClosedException, ""),
        (Status.NOT_FOUND, "Scheduler with id: x", errors.SchedulerClosedException, ""),
        (Status.UNAVAILABLE, "failed to connect", errors.ServerUnavailableError, ""),
        (Status.UNKNOWN, "", errors.UnknownRpcException, ""),
        (Status.UNKNOWN, "java.lang.NullPointerException: oops", errors.UnknownRpcException, ""),
    ],
)
def test_the_class_is_the_one_that_the_server_names(status: Status, details: str, expected: type[XenonError], adaptor: str) -> None:
    error = from_status(status, details)
    assert type(error) is expected
    assert (error.status, error.adaptor) == (status, adaptor)


@given(st.sampled_from(list(Status)), st.text())
def test_no_details_are_lost_whatever_they_are(status: Status, details: str) -> None:
    error = from_status(status, details)
    assert isinstance(error, XenonError)
    assert details in error.reason or status.name in error.reason or error.reason.strip()


def test_it_reads_as_attempt_reason_and_advice() -> None:
    details = "nl.esciencecenter.xenon.filesystems.NoSuchPathException: file adaptor: Path does not exist: /nope"
    error = describe(from_status(Status.NOT_FOUND, details), "get_attributes", messages.PathRequest(path=messages.Path(path="/nope")))
    assert str(error).startswith("get_attributes '/nope' (file adaptor) failed: Path does not exist: /nope. ")
    assert error.hint and str(error).endswith(".")


def test_a_refused_connection_says_what_to_try() -> None:
    error = from_status(Status.INTERNAL, "nl.esciencecenter.xenon.XenonException: sftp adaptor: Connection setup to h:1 failed!")
    text = str(describe(error, "create", messages.CreateFileSystemRequest(adaptor="sftp", location="h:1")))
    assert text.startswith("create 'h:1' (sftp adaptor) failed: Connection setup to h:1 failed! Check that the location can be reached")


@pytest.mark.parametrize(
    ("request_message", "subject"),
    [
        (messages.PathRequest(path=messages.Path(path="/a b")), "'/a b'"),
        (messages.CopyRequest(source=messages.Path(path="/s")), "'/s'"),
        (messages.JobRequest(job=messages.Job("j-1")), "'j-1'"),
        (messages.GetQueueStatusRequest(queue="q"), "'q'"),
        (messages.SchedulerAndQueues(queues=["a", "b"]), "'a', 'b'"),
        (messages.CreateSchedulerRequest(adaptor="slurm"), "'slurm'"),
        (messages.CreateFileSystemRequest(adaptor="ftp", location="ftp://me:secret@host:21/x"), "'ftp://me:***@host:21/x'"),
        (messages.Empty(), ""),
    ],
)
def test_what_a_request_is_about(request_message: object, subject: str) -> None:
    assert subject_of(request_message) == subject


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_exception_survives_another_process(name: str) -> None:
    error = describe(BY_NAME[name]("why", adaptor="slurm"), "exists", messages.PathRequest(path=messages.Path(path="/p")))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.adaptor, copy.status) == (type(error), str(error), "slurm", error.status)
    assert type(error).__module__ == "pyxenon_core.errors"


def test_a_target_error_survives_too_and_is_a_value_error() -> None:
    copy = pickle.loads(pickle.dumps(errors.TargetError("x:", "because")))
    assert isinstance(copy, ValueError)
    assert str(copy) == "cannot use the target 'x:': because."


def test_every_exception_is_exported_and_explained() -> None:
    for name in errors.__all__:
        exported = getattr(errors, name)
        assert exported.__doc__, name
        if isinstance(exported, type) and issubclass(exported, XenonError) and exported is not XenonError:
            assert issubclass(exported, errors.XenonException)
