"""Messages as people meet them: what they show, what they refuse, how they compare and copy, and that each says what it is."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core import messages
from pyxenon_core._generated import codec
from pyxenon_core._generated import messages as generated
from pyxenon_core.message import Identity, Message

LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
# With a digit, since a secret such as "Response" is in the name of a message.
SECRETS = st.text(LETTERS + "0123456789§$%&!", min_size=8, max_size=40).filter(lambda secret: any(one.isdigit() for one in secret))
MESSAGES = sorted(name for name in generated.__all__ if issubclass(getattr(generated, name), Message))
every_message = pytest.mark.parametrize("name", MESSAGES)


# --- secrets --------------------------------------------------------------------------------------------------------------------------


def _holders(secret: str) -> list[Message]:
    """Every message that can hold the secret, at every depth."""
    password = messages.PasswordCredential(username="me", password=secret)
    certificate = messages.CertificateCredential(certfile="/key", passphrase=secret, username="me")
    users = {
        "one": messages.UserCredential(password_credential=password),
        "two": messages.UserCredential(certificate_credential=certificate),
    }
    by_host = messages.CredentialMap(entries=users, password_credential=password)
    return [
        password,
        certificate,
        *users.values(),
        by_host,
        messages.GetCredentialResponse(credential_map=by_host),
        messages.CreateFileSystemRequest(adaptor="sftp", password_credential=password),
        messages.CreateFileSystemRequest(adaptor="sftp", credential_map=by_host),
        messages.CreateSchedulerRequest(adaptor="ssh", certificate_credential=certificate),
    ]


@given(SECRETS)
def test_no_repr_shows_a_secret(secret: str) -> None:
    for message in _holders(secret):
        for shown in (repr(message), str(message), f"{message}", f"{message!r}", repr([message]), repr({"key": message})):
            assert secret not in shown
            assert "***" in shown


def test_every_field_that_holds_a_secret_is_known_to_be_one() -> None:
    fields = {field for name in MESSAGES for field in getattr(generated, name).__dataclass_fields__}
    assert {field for field in fields if "pass" in field} == {"password", "passphrase", "password_credential"}


def test_a_repr_shows_what_is_set_and_says_that_a_secret_is() -> None:
    assert repr(messages.PasswordCredential(username="me", password="opensesame")) == "PasswordCredential(username='me', password='***')"
    assert repr(messages.PasswordCredential(username="me")) == "PasswordCredential(username='me')"
    assert repr(messages.PathRequest(path=messages.Path(path="/tmp"))) == "PathRequest(path=Path(path='/tmp'))"
    assert repr(messages.Empty()) == "Empty()"


# --- attributes -----------------------------------------------------------------------------------------------------------------------


def test_a_mistyped_attribute_is_refused_with_the_nearest_name() -> None:
    description = messages.JobDescription()
    unknown: Any = description
    with pytest.raises(AttributeError, match=r"^JobDescription has no field 'max_run_time'; did you mean 'max_runtime'\?$"):
        unknown.max_run_time = 5
    assert description == messages.JobDescription()


def test_an_attribute_like_no_other_is_refused_with_all_names() -> None:
    unknown: Any = messages.Path()
    with pytest.raises(AttributeError, match=r"^Path has no field 'zzz'; its fields are path, separator$"):
        unknown.zzz = 5


def test_a_description_refuses_unknown_keywords() -> None:
    unknown: dict[str, Any] = {"excutable": "/bin/true"}
    with pytest.raises(AttributeError, match=r"^JobDescription has no field 'excutable'; did you mean 'executable'\?$"):
        messages.JobDescription(**unknown)


def test_a_description_takes_any_iterable_mapping_and_path() -> None:
    description = messages.JobDescription(executable=Path("/bin/ls"), arguments=iter(["-l", Path("/tmp")]), environment={"A": "b"})
    assert description.executable == "/bin/ls"
    assert description.arguments == ["-l", "/tmp"]
    assert description.environment == {"A": "b"}


def test_a_description_refuses_a_text_where_a_list_belongs() -> None:
    with pytest.raises(TypeError, match=r"^JobDescription\.arguments must be a list.*'-l'$"):
        messages.JobDescription(arguments="-l")


def test_two_descriptions_share_nothing() -> None:
    first, second = messages.JobDescription(), messages.JobDescription()
    first.arguments.append("-l")
    first.environment["A"] = "b"
    assert second.arguments == []
    assert second.environment == {}


# --- identities -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [messages.Job, messages.CopyOperation, messages.FileSystem, messages.Scheduler])
def test_a_message_that_names_a_thing_hashes_by_its_id(kind: type[Identity]) -> None:
    one, same, other = kind(id="1"), kind(id="1"), kind(id="2")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert len({one, same, other}) == 2


def test_things_of_different_kinds_are_different() -> None:
    job, copying = messages.Job(id="1"), messages.CopyOperation(id="1")
    assert job != copying
    assert len({job, copying}) == 2


def test_a_decoded_identity_equals_one_made_by_hand() -> None:
    job = messages.Job(id="local-1")
    assert {codec.parse_job(codec.encode_job(job)): "found"}[job] == "found"


def test_only_identities_can_be_hashed() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(messages.JobStatus())


# --- enumerations ---------------------------------------------------------------------------------------------------------------------


def test_nested_enumerations_have_the_names_that_protobuf_gives_them() -> None:
    assert messages.CopyRequest.CopyMode is messages.CopyRequestCopyMode
    assert messages.JobStatus.ErrorType is messages.JobStatusErrorType
    assert messages.CopyStatus.ErrorType is messages.CopyStatusErrorType
    assert messages.QueueStatus.ErrorType is messages.QueueStatusErrorType
    assert messages.PropertyDescription.Type is messages.PropertyDescriptionType


def test_the_values_of_nested_enumerations_are_attributes_of_their_message() -> None:
    assert messages.CopyRequest.CREATE is messages.CopyRequestCopyMode.CREATE
    assert [int(value) for value in (messages.CopyRequest.CREATE, messages.CopyRequest.REPLACE, messages.CopyRequest.IGNORE)] == [0, 1, 2]
    assert messages.JobStatus.ErrorType.NONE == 0
    assert messages.JobStatus.IO is messages.JobStatusErrorType.IO
    assert messages.PropertyDescription.NATURAL == 6


def test_the_names_of_a_nested_enumeration_are_no_fields() -> None:
    assert list(messages.CopyRequest.__dataclass_fields__) == [
        "filesystem",
        "source",
        "destination_filesystem",
        "destination",
        "mode",
        "recursive",
    ]


# --- copies ---------------------------------------------------------------------------------------------------------------------------


def _job_status() -> messages.JobStatus:
    return messages.JobStatus(
        job=messages.Job(id="7"),
        exit_code=-1,
        scheduler_specific_information={"a": "b"},
        error_type=messages.JobStatusErrorType.IO,
    )


def _through_pickle(message: Any) -> Any:
    return pickle.loads(pickle.dumps(message))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _through_pickle])
@pytest.mark.parametrize("decoded", [False, True])
def test_a_copy_equals_its_original_and_encodes_like_it(duplicate: Callable[[Any], Any], decoded: bool) -> None:
    original = _job_status()
    if decoded:
        original = codec.parse_job_status(codec.encode_job_status(original))
    again = duplicate(original)
    assert again is not original
    assert type(again) is messages.JobStatus
    assert again == original
    assert isinstance(again.error_type, messages.JobStatusErrorType)
    assert codec.encode_job_status(again) == codec.encode_job_status(original)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, _through_pickle])
def test_a_deep_copy_shares_nothing(duplicate: Callable[[Any], Any]) -> None:
    original = _job_status()
    again = duplicate(original)
    again.scheduler_specific_information["a"] = "changed"
    again.job.id = "8"
    assert original == _job_status()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _through_pickle])
def test_a_copy_of_a_description_is_a_description(duplicate: Callable[[Any], Any]) -> None:
    original = messages.JobDescription(executable="ls", arguments=["-l"], environment={"A": "b"})
    again = duplicate(original)
    assert again == original
    with pytest.raises(AttributeError):
        again.excutable = "x"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _through_pickle])
def test_a_copy_keeps_the_fields_that_nobody_knows(duplicate: Callable[[Any], Any]) -> None:
    wire = b"\x0a\x01a\xa0\x1f\x07"
    assert codec.encode_path(duplicate(codec.parse_path(wire))) == wire


def test_dataclasses_replace_makes_a_changed_copy() -> None:
    assert dataclasses.replace(messages.Path(path="/a", separator="/"), path="/b") == messages.Path(path="/b", separator="/")


# --- words ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classes() -> dict[str, ast.ClassDef]:
    """The generated classes as they are written: only there can the documentation of an attribute be seen."""
    tree = ast.parse(Path(str(generated.__file__)).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("name", sorted(generated.__all__))
def test_every_message_field_enumeration_and_value_says_what_it_is(name: str, classes: dict[str, ast.ClassDef]) -> None:
    node = classes[name]
    assert len(ast.get_docstring(node) or "") >= 10
    documented: list[str] = []
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) and len(str(following.value.value).strip()) >= 4:
            documented += _targets(statement)
    kind = getattr(generated, name)
    expected = list(kind.__dataclass_fields__) if issubclass(kind, Message) else [member.name for member in kind]
    assert documented == expected


def _targets(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.AnnAssign):
        return [ast.unparse(statement.target)]
    return [ast.unparse(target) for target in statement.targets] if isinstance(statement, ast.Assign) else []


@every_message
def test_every_message_is_public(name: str) -> None:
    assert name in messages.__all__
    assert getattr(messages, name) is getattr(generated, name)


def test_a_field_that_earlier_releases_had_is_told_with_what_to_use_instead() -> None:
    with pytest.raises(AttributeError, match=r"^JobDescription has no field 'processes_per_node' any more\. Use tasks_per_node\.$"):
        messages.JobDescription(processes_per_node=2)
    description = messages.JobDescription()
    with pytest.raises(AttributeError, match="any more"):
        description.node_count = 3


# --- constructors ---------------------------------------------------------------------------------------------------------------------


@every_message
def test_constructors_are_rendered_and_not_made_at_each_import(name: str) -> None:
    kind = getattr(generated, name)
    assert vars(kind)["__init__"].__code__.co_filename == generated.__file__


@every_message
def test_a_constructor_takes_every_field_by_place_and_by_name(name: str) -> None:
    kind = getattr(generated, name)
    values = {field.name: getattr(kind(), field.name) for field in dataclasses.fields(kind)}
    assert kind(*values.values()) == kind(**values) == kind()


def test_each_message_has_lists_and_maps_of_its_own() -> None:
    assert messages.Queues().name is not messages.Queues().name
    assert messages.Properties().properties is not messages.Properties().properties
