"""Run several jobs at the same time, from an asynchronous program."""

from __future__ import annotations

import asyncio
import sys

import pyxenon_core
from pyxenon_core.messages import JobDescription


async def run_job(scheduler: pyxenon_core.Scheduler, name: str, seconds: float) -> int:
    """Run a job that sleeps for *seconds*, and return its exit code."""
    program = f"import time; time.sleep({seconds})"
    description = JobDescription(executable=sys.executable, arguments=["-c", program], name=name, queue_name="unlimited")
    job = await scheduler.submit_batch_job(description)
    status = await scheduler.wait_until_done(job)
    print(f"{name}: exit code {status.exit_code}")
    return status.exit_code


async def main() -> None:
    """Run three jobs at the same time: the last to start is the first to end."""
    # With the target java:, use one scheduler per job: a scheduler of that server may lose a job when it is called concurrently.
    async with await pyxenon_core.connect() as client, await client.schedulers.create("local") as scheduler:
        codes = await asyncio.gather(
            run_job(scheduler, "slow", 1.0),
            run_job(scheduler, "middling", 0.5),
            run_job(scheduler, "quick", 0.0),
        )
    print("all well" if not any(codes) else "something went wrong")


if __name__ == "__main__":
    asyncio.run(main())
