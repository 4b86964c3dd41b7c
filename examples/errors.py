"""Catch exceptions by name and read their attributes; see in its status that a job has failed."""

from __future__ import annotations

import xenon
from xenon.exceptions import NoSuchPathException, UnknownAdaptorException


def main() -> None:
    """Provoke three failures and print what they say."""
    with xenon.init(), xenon.FileSystem.create("file") as filesystem, xenon.Scheduler.create("local") as scheduler:
        try:
            filesystem.get_attributes("/no/such/file")
        except NoSuchPathException as error:
            print("what was tried:", error.operation, error.subject)
            print("why it failed: ", error.reason)
            print("what to try:   ", error.hint)
            print("gRPC status:   ", error.status.name)

        try:
            xenon.FileSystem.create("gopher")
        except UnknownAdaptorException as error:
            print("all in one:    ", error)

        status = scheduler.wait_until_done(scheduler.submit_batch_job(xenon.JobDescription(executable="/no/such/program")))
        if status.error_type != xenon.JobStatus.ErrorType.NONE:
            print("a job's status:", status.state, status.error_type.name)


if __name__ == "__main__":
    main()
