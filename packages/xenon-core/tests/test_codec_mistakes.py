"""A value of the wrong kind never reaches the wire: the error names the message and the field."""

from __future__ import annotations

from typing import Any

import pytest

from pyxenon_core import messages
from pyxenon_core._generated import codec


class Path:
    """Something that gives a path without being text."""

    def __fspath__(self) -> str:
        return "/tmp/here"


@pytest.mark.parametrize("wrong", [5, b"/tmp", ["/tmp"], 1.5, object()])
def test_text_must_be_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^Path\.path must be a str, not "):
        codec.encode_path(messages.Path(path=wrong))


def test_text_may_be_a_path() -> None:
    fields: dict[str, Any] = {"path": Path()}
    assert codec.encode_path(messages.Path(**fields)) == b"\x0a\x09/tmp/here"


def test_text_must_be_encodable() -> None:
    with pytest.raises(ValueError, match=r"^Path\.path is not valid UTF-8 text: surrogates not allowed at character 1$"):
        codec.encode_path(messages.Path(path="a\ud800"))


@pytest.mark.parametrize("wrong", ["text", [1], 5])
def test_bytes_must_be_bytes(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^WriteToFileRequest\.buffer must be bytes, not "):
        codec.encode_write_to_file_request(messages.WriteToFileRequest(buffer=wrong))


@pytest.mark.parametrize("data", [b"data", bytearray(b"data"), memoryview(b"data")])
def test_bytes_may_be_anything_that_shows_its_bytes(data: Any) -> None:
    assert codec.encode_write_to_file_request(messages.WriteToFileRequest(buffer=data)) == b"\x1a\x04data"


@pytest.mark.parametrize("wrong", [1, "yes", [True]])
def test_a_truth_value_must_be_one(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^DeleteRequest\.recursive must be True or False, not "):
        codec.encode_delete_request(messages.DeleteRequest(recursive=wrong))


@pytest.mark.parametrize("wrong", [True, "5", 5.0, [5]])
def test_a_number_must_be_a_whole_one(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^JobDescription\.tasks must be an int, not "):
        codec.encode_job_description(messages.JobDescription(tasks=wrong))


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_a_uint32_has_a_range(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"^JobDescription\.max_memory must be from 0 to 4294967295, not "):
        codec.encode_job_description(messages.JobDescription(max_memory=wrong))


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_a_uint64_has_a_range(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"^WaitRequest\.timeout must be from 0 to 18446744073709551615, not "):
        codec.encode_wait_request(messages.WaitRequest(timeout=wrong))


@pytest.mark.parametrize("wrong", [-(2**31) - 1, 2**31])
def test_an_int32_has_a_range(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"^JobStatus\.exit_code must be from -2147483648 to 2147483647, not "):
        codec.encode_job_status(messages.JobStatus(exit_code=wrong))


@pytest.mark.parametrize("wrong", ["REPLACE", True, 1.0])
def test_an_enumeration_is_a_number_with_a_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^CopyRequest\.mode must be an int, not "):
        codec.encode_copy_request(messages.CopyRequest(mode=wrong))


@pytest.mark.parametrize("wrong", ["/tmp", 5, messages.Job(id="j"), {"path": "/tmp"}])
def test_a_message_must_be_of_its_type(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^PathRequest\.path must be a Path, not "):
        codec.encode_path_request(messages.PathRequest(path=wrong))


def test_the_outermost_message_is_checked_too() -> None:
    wrong: Any = messages.Job(id="j")
    with pytest.raises(TypeError, match=r"^Path must be a Path, not Job$"):
        codec.encode_path(wrong)


def test_a_mistake_inside_a_nested_message_is_named_where_it_is() -> None:
    description = messages.JobDescription(executable="x", tasks=-1)
    with pytest.raises(ValueError, match=r"^JobDescription\.tasks "):
        codec.encode_submit_batch_job_request(messages.SubmitBatchJobRequest(description=description))


# --- lists and maps -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["ls", b"ls"])
def test_a_text_is_no_list_of_texts(wrong: Any) -> None:
    queues = messages.SchedulerAndQueues(queues=wrong)
    with pytest.raises(TypeError, match=r"^SchedulerAndQueues\.queues must be a list, not a single "):
        codec.encode_scheduler_and_queues(queues)


def test_each_text_of_a_list_is_checked() -> None:
    wrong: Any = ["short", 5]
    with pytest.raises(TypeError, match=r"^each of SchedulerAndQueues\.queues must be a str, not int"):
        codec.encode_scheduler_and_queues(messages.SchedulerAndQueues(queues=wrong))


def test_each_message_of_a_list_is_checked() -> None:
    wrong: Any = [messages.Job(id="j"), "k"]
    with pytest.raises(TypeError, match=r"^each of GetJobStatusesRequest\.jobs must be a Job, not str"):
        codec.encode_get_job_statuses_request(messages.GetJobStatusesRequest(jobs=wrong))


@pytest.mark.parametrize("wrong", ["rwx", [True], ["OWNER_READ"], [1.0]])
def test_each_number_of_a_packed_list_is_checked(wrong: Any) -> None:
    request = messages.SetPosixFilePermissionsRequest(permissions=wrong)
    with pytest.raises(TypeError, match=r"SetPosixFilePermissionsRequest\.permissions must be "):
        codec.encode_set_posix_file_permissions_request(request)


@pytest.mark.parametrize(
    ("message", "field", "encode"),
    [
        (messages.SchedulerAndQueues(), "queues", codec.encode_scheduler_and_queues),
        (messages.GetJobStatusesRequest(), "jobs", codec.encode_get_job_statuses_request),
        (messages.SetPosixFilePermissionsRequest(), "permissions", codec.encode_set_posix_file_permissions_request),
    ],
)
@pytest.mark.parametrize("wrong", [5, True, messages.Job(id="j")])
def test_what_cannot_be_gone_through_is_no_list(message: Any, field: str, encode: Any, wrong: Any) -> None:
    setattr(message, field, wrong)
    with pytest.raises(TypeError, match=rf"{type(message).__name__}\.{field} must be "):
        encode(message)


@pytest.mark.parametrize("wrong", ["a=b", ["a"], 5, [("a", "b")]])
@pytest.mark.parametrize(
    ("message", "field", "encode"),
    [
        (messages.Properties(), "properties", codec.encode_properties),
        (messages.CredentialMap(), "entries", codec.encode_credential_map),
    ],
)
def test_what_has_no_keys_is_no_map(message: Any, field: str, encode: Any, wrong: Any) -> None:
    setattr(message, field, wrong)
    with pytest.raises(TypeError, match=rf"^{type(message).__name__}\.{field} must be "):
        encode(message)


def test_keys_and_values_of_a_map_are_checked() -> None:
    wrong_key: Any = {5: "x"}
    wrong_value: Any = {"x": 5}
    with pytest.raises(TypeError, match=r"^a key of Properties\.properties must be a str, not int$"):
        codec.encode_properties(messages.Properties(wrong_key))
    with pytest.raises(TypeError, match=r"^Properties\.properties\['x'\] must be a str, not int$"):
        codec.encode_properties(messages.Properties(wrong_value))
    with pytest.raises(TypeError, match=r"^CredentialMap\.entries\['x'\] must be a UserCredential, not int$"):
        codec.encode_credential_map(messages.CredentialMap(entries=wrong_value))


def test_two_members_of_a_oneof_are_refused() -> None:
    request = messages.CreateFileSystemRequest(
        adaptor="sftp",
        password_credential=messages.PasswordCredential("me", "correct horse"),
        default_credential=messages.DefaultCredential("me"),
    )
    with pytest.raises(ValueError, match=r"^CreateFileSystemRequest takes one credential, but password_credential and") as caught:
        codec.encode_create_file_system_request(request)
    assert "default_credential are given" in str(caught.value)
    assert "correct horse" not in str(caught.value)


def test_an_attribute_that_was_set_to_none_is_left_out() -> None:
    nothing: Any = None
    assert codec.encode_path(messages.Path(path=nothing, separator="/")) == b"\x12\x01/"
