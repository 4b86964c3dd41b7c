"""A tour of PyXenon on a real server: a batch job, files, and a conversation with a program. Every step is checked.

Run it with ``python examples/demo.py``; ``--target java:`` does the same on the Java server, and ``--target grpc://localhost:50051`` on a
Xenon server that is already running on this machine.
"""

from __future__ import annotations

import argparse
import os
import queue
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime

import xenon
from pyxenon_core.messages import SubmitInteractiveJobResponse

ROT13 = """
import codecs, sys
for number, line in enumerate(sys.stdin, 1):
    print(codecs.encode(line, "rot13"), end="", flush=True)
    print(f"line {number} turned by 13 letters", file=sys.stderr, flush=True)
"""


class Report:
    """The output on the terminal, in colour unless that is turned off, and the results of the checks."""

    def __init__(self) -> None:
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.failed: list[str] = []
        self.count = 0

    def paint(self, text: str, code: int) -> str:
        """Return *text* in the colour with this ANSI *code*: 1 is bold, 2 dim, 31 red, 32 green."""
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def heading(self, text: str) -> None:
        """Print the heading of a part of the demo."""
        print(f"\n{self.paint(text, 1)}", flush=True)

    def line(self, label: str, text: str, colour: int = 0) -> None:
        """Print one event or one line of output."""
        print(f"  {self.paint(f'{label:>8}', colour or 2)}  {text}", flush=True)

    def check(self, what: str, found: object, expected: object) -> None:
        """Compare *found* with *expected*, and remember the outcome."""
        self.count += 1
        if found == expected:
            self.line("ok", what, 32)
        else:
            self.failed.append(what)
            self.line("FAILED", f"{what}: expected {expected!r}, found {found!r}", 31)

    def summary(self) -> int:
        """Print the result, and return the exit status: 0 if every check held, else 1."""
        self.heading(f"{self.count - len(self.failed)} of {self.count} checks held.")
        for what in self.failed:
            self.line("FAILED", what, 31)
        return 1 if self.failed else 0


def run_batch_job(report: Report, filesystem: xenon.FileSystem, scheduler: xenon.Scheduler, here: xenon.Path) -> None:
    """Submit a job, wait until it is done, and read its standard output."""
    report.heading("A batch job")
    output = here / "output.txt"
    job = xenon.JobDescription(executable=sys.executable, arguments=["-c", "print(6 * 7)"], stdout=output, name="answer")
    report.line("submit", shlex.join(["python", *job.arguments]))
    status = scheduler.wait_until_done(scheduler.submit_batch_job(job), timeout=60_000)
    report.line("status", f"{status.state}, exit code {status.exit_code}")
    text = b"".join(filesystem.read_from_file(output)).decode()
    report.line("stdout", text.strip())
    report.check("the job ended well", (status.done, status.exit_code, status.error_type), (True, 0, xenon.JobStatus.NONE))
    report.check("its standard output was read back", text.split(), ["42"])


def handle_files(report: Report, filesystem: xenon.FileSystem, here: xenon.Path) -> None:
    """Write a file, copy it, list both with their attributes, and delete them."""
    report.heading("Files")
    folder, text = here / "files", b"Xenon was here.\n"
    original, copy = folder / "original.txt", folder / "copy.txt"
    filesystem.create_directory(folder)
    filesystem.write_to_file(original, text)
    report.line("write", f"{len(text)} bytes to {original.name}")
    status = filesystem.wait_until_done(filesystem.copy(original, filesystem, copy), timeout=60_000)
    report.line("copy", f"{original.name} to {copy.name}: {status.state}")
    entries = sorted(filesystem.list(folder), key=lambda entry: entry.path)
    for entry in entries:
        modified = datetime.fromtimestamp(entry.last_modified_time / 1000).astimezone()
        report.line("list", f"{mode(entry)}  {entry.owner}  {entry.size:>3}  {modified:%Y-%m-%d %H:%M}  {entry.path.name}")
    report.check("the copy has the same bytes", b"".join(filesystem.read_from_file(copy)), text)
    report.check("both are listed, with their sizes", [(entry.path, entry.size) for entry in entries], [(copy, 16), (original, 16)])
    filesystem.delete(folder, recursive=True)
    report.line("delete", f"{folder.name}/")
    report.check("nothing is left of them", filesystem.exists(folder), False)


def mode(entry: xenon.PathAttributes) -> str:
    """Return the permissions as ``ls`` writes them, such as ``rw-r--r--``."""
    each = [permission for permission in xenon.PosixFilePermission if permission is not xenon.PosixFilePermission.NONE]
    return "".join(letter if permission in entry.permissions else "-" for letter, permission in zip("rwxrwxrwx", each, strict=True))


def hold_conversation(report: Report, scheduler: xenon.Scheduler) -> None:
    """Talk to a running program line by line: send the next line once the last one is answered."""
    report.heading("A conversation")
    questions, answers, remarks = ["Uryyb, jbeyq!", "How are you?", "Tbbqolr."], [], b""
    lines: queue.Queue[bytes | None] = queue.Queue()
    job = xenon.JobDescription(executable=sys.executable, arguments=["-c", ROT13])
    _, responses = scheduler.submit_interactive_job(job, until_none(lines))
    try:
        for question in questions:
            report.line("stdin", question)
            sent = time.perf_counter()
            lines.put(f"{question}\n".encode())
            answer, remark = next_line(responses)
            answers.append(answer)
            remarks += remark
            report.line("stdout", f"{answer}  (after {1000 * (time.perf_counter() - sent):.0f} ms)")
    finally:
        lines.put(None)  # the end of its input, which ends the program
    rest = list(responses)
    remarks += b"".join(response.stderr for response in rest)
    for text in remarks.decode().splitlines():
        report.line("stderr", text)
    report.check("three lines in, three lines out, in lock-step", answers, ["Hello, world!", "Ubj ner lbh?", "Goodbye."])
    report.check("standard error came separately", remarks.decode().splitlines(), [f"line {n} turned by 13 letters" for n in (1, 2, 3)])
    report.check("and nothing after that", b"".join(response.stdout for response in rest), b"")


def until_none(lines: queue.Queue[bytes | None]) -> Iterator[bytes]:
    """Yield the items of *lines* as they arrive, until one is None."""
    while (line := lines.get()) is not None:
        yield line


def next_line(responses: Iterator[SubmitInteractiveJobResponse]) -> tuple[str, bytes]:
    """Return the next line of standard output, which may come in several pieces, and the standard error that arrived meanwhile."""
    line = remarks = b""
    for response in responses:
        line, remarks = line + response.stdout, remarks + response.stderr
        if line.endswith(b"\n"):
            break
    return line.decode().strip(), remarks


def main() -> int:
    """Run the three parts on one server, and return the exit status."""
    parser = argparse.ArgumentParser(description="Show what PyXenon does, on a real server.")
    parser.add_argument("--target", help="the server, such as java: (default: XENON_TARGET, else a server in this process)")
    target, report, started = parser.parse_args().target, Report(), time.perf_counter()
    report.heading("PyXenon")
    with xenon.init(target=target) as session, tempfile.TemporaryDirectory(prefix="xenon-demo-") as folder:
        report.line("server", f"{session.target} ready in {time.perf_counter() - started:.1f} s")
        report.line("folder", folder)
        with xenon.FileSystem.create("file") as filesystem, xenon.Scheduler.create("local") as scheduler:
            run_batch_job(report, filesystem, scheduler, xenon.Path(folder))
            handle_files(report, filesystem, xenon.Path(folder))
            hold_conversation(report, scheduler)
    return report.summary()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted. The demo's files are removed, and its jobs have ended.", file=sys.stderr)
        sys.exit(130)
    except xenon.XenonError as error:
        print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
        sys.exit(1)
