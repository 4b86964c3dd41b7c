"""Run a job in a queue, wait until it is done, and read its output."""

from __future__ import annotations

import tempfile

import xenon


def main() -> None:
    """Run a job that counts the lines of a file."""
    with (
        xenon.init(),
        tempfile.TemporaryDirectory() as folder,
        xenon.Scheduler.create("local") as scheduler,
        xenon.FileSystem.create("file") as filesystem,
    ):
        here = xenon.Path(folder)
        filesystem.write_to_file(here / "elements.txt", b"helium\nneon\nargon\nkrypton\nxenon\n")
        description = xenon.JobDescription(
            executable="wc",
            arguments=["-l"],
            working_directory=here,
            stdin="elements.txt",
            stdout="count.txt",
            max_runtime=1,  # minutes
        )
        job = scheduler.submit_batch_job(description)
        status = scheduler.wait_until_done(job)
        print(f"{status.state}, exit code {status.exit_code}")
        print("lines:", b"".join(filesystem.read_from_file(here / "count.txt")).decode().strip())


if __name__ == "__main__":
    main()
