"""Talk to a program while it runs: send each question after the last one is answered."""

from __future__ import annotations

import queue
import sys

import xenon

PROGRAM = """
import sys
for line in sys.stdin:
    print(sum(map(int, line.split("+"))), flush=True)
print("no more sums", file=sys.stderr)
"""


def main() -> None:
    """Run a job that adds numbers."""
    questions: queue.Queue[bytes | None] = queue.Queue()
    with xenon.init(), xenon.Scheduler.create("local") as scheduler:
        description = xenon.JobDescription(executable=sys.executable, arguments=["-c", PROGRAM])
        _job, responses = scheduler.submit_interactive_job(description, iter(questions.get, None))
        for question in ("1 + 2", "3 + 4 + 5"):
            questions.put(f"{question}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):  # a line may come in several pieces
                answer += next(responses).stdout
            print(f"{question} = {answer.decode().strip()}")
        questions.put(None)  # the end of its standard input
        print("it said:", b"".join(response.stderr for response in responses).decode().strip())


if __name__ == "__main__":
    main()
