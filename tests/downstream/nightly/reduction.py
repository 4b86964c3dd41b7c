"""The synchronous half: measurements are sent to where jobs run, reduced there by a job, and the result is kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_type

import xenon
from xenon.exceptions import NoSuchPathException, PathAlreadyExistsException, XenonError

PROGRAM = "import sys; numbers = [int(line) for line in sys.stdin]; print(sum(numbers) / len(numbers))"
READABLE = [xenon.PosixFilePermission.OWNER_READ, xenon.PosixFilePermission.GROUP_READ]


@dataclass(frozen=True)
class Reduction:
    """The mean of the measurements, where it is kept, and how large that file is in bytes."""

    mean: float
    result: xenon.Path
    size: int


def credentials(user: str) -> xenon.CredentialMap:
    """Who to be on which host."""
    key = xenon.CertificateCredential(username=user, certfile="/keys/id_ed25519", passphrase="only an example")
    password = xenon.PasswordCredential(username=user, password="only an example")
    hosts = {"gateway": xenon.UserCredential(certificate_credential=key), "store": xenon.UserCredential(password_credential=password)}
    return xenon.CredentialMap(entries=hosts, default_credential=xenon.DefaultCredential(username=user))


def open_store(host: str, user: str, properties: Mapping[str, str]) -> xenon.FileSystem:
    """The file system that measurements come from."""
    return xenon.FileSystem.create("sftp", host, properties, credential_map=credentials(user))


def run_job(scheduler: xenon.Scheduler, description: xenon.JobDescription) -> xenon.JobStatus:
    """Run a job to its end; raises RuntimeError when it fails."""
    job = assert_type(scheduler.submit_batch_job(description), xenon.Job)
    status = assert_type(scheduler.wait_until_done(job, timeout=60_000), xenon.JobStatus)
    if status.error_type != xenon.JobStatus.ErrorType.NONE or assert_type(status.exit_code, int) != 0:
        raise RuntimeError(f"{job.id} ended {status.state}: {status.error_message}")
    return status


def ask(scheduler: xenon.Scheduler, questions: Iterator[bytes]) -> bytes:
    """What a program answers while it runs."""
    job, responses = scheduler.submit_interactive_job(xenon.JobDescription(executable="cat"), questions)
    assert_type(job, xenon.Job)
    first = responses.next()
    return assert_type(first.stdout, bytes) + b"".join(response.stdout for response in responses)


def reduce_remotely(filesystem: xenon.FileSystem, scheduler: xenon.Scheduler, folder: xenon.Path, numbers: list[int]) -> Reduction:
    """Put *numbers* into a new *folder*, and have a job write their mean beside them."""
    try:
        filesystem.create_directory(folder)
    except PathAlreadyExistsException as error:
        raise XenonError(f"the night in {error.subject} was reduced before", hint="Choose another folder") from error
    filesystem.write_to_file(folder / "numbers", (f"{number}\n".encode() for number in numbers))
    description = xenon.JobDescription(executable=sys.executable, arguments=["-c", PROGRAM], working_directory=folder)
    description.stdin, description.stdout, description.max_runtime = "numbers", "mean", 1
    run_job(scheduler, description)
    copied = filesystem.wait_until_done(filesystem.copy(folder / "mean", filesystem, folder / "kept", xenon.CopyMode.REPLACE))
    if assert_type(copied, xenon.CopyStatus).error_type != xenon.CopyStatus.ErrorType.NONE:
        raise RuntimeError(copied.error_message)
    filesystem.set_posix_file_permissions(folder / "kept", READABLE)
    attributes = assert_type(filesystem.get_attributes(folder / "kept"), xenon.PathAttributes)
    text = b"".join(assert_type(filesystem.read_from_file(attributes.path), Iterator[bytes]))
    answer = ask(scheduler, iter([text]))
    return Reduction(float(answer), assert_type(attributes.path, xenon.Path), assert_type(attributes.size, int))


def forget(filesystem: xenon.FileSystem, folder: xenon.Path) -> bool:
    """Delete *folder*; false when it was not there."""
    try:
        filesystem.delete(folder, recursive=True)
    except NoSuchPathException:
        return False
    return not assert_type(filesystem.exists(folder), bool)
