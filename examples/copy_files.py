"""Copy a directory with everything in it, watch the progress, and list the result."""

from __future__ import annotations

import tempfile

import xenon


def main() -> None:
    """Copy within one file system; to copy between two, create the second with another adaptor, such as sftp."""
    with xenon.init(), tempfile.TemporaryDirectory() as folder, xenon.FileSystem.create("file", folder) as filesystem:
        filesystem.create_directories("source/2026")
        filesystem.write_to_file("source/readme.txt", b"Measurements\n")
        filesystem.write_to_file("source/2026/july.csv", (b"%d,%d\n" % (day, day * day) for day in range(1, 32)))

        copy = filesystem.copy("source", filesystem, "backup", mode=xenon.CopyMode.CREATE, recursive=True)
        status = filesystem.wait_until_done(copy, timeout=200)  # milliseconds
        while not status.done:
            print(f"{status.bytes_copied} of {status.bytes_to_copy} bytes")
            status = filesystem.wait_until_done(copy, timeout=200)
        print(f"{status.state}, {status.error_message or 'no error'}")

        for entry in sorted(filesystem.list("backup", recursive=True), key=lambda entry: entry.path):
            print(entry.path.relative_to(folder), "" if entry.is_directory else f"({entry.size} bytes)")


if __name__ == "__main__":
    main()
