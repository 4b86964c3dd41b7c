"""Several jobs at once, from a program that is asynchronous itself."""

from __future__ import annotations

import asyncio
import sys

import xenon_core
from xenon_core.messages import JobDescription


async def run_job(client: xenon_core.Client, name: str, seconds: float) -> int:
    """Run a job that sleeps for *seconds*; gives its exit code."""
    program = f"import time; time.sleep({seconds})"
    description = JobDescription(executable=sys.executable, arguments=["-c", program], name=name, queue_name="unlimited")
    # One scheduler for each, since a local one of xenon-grpc 3.0.1 may lose a job when it is called several times at once.
    async with await client.schedulers.create("local") as scheduler:
        job = await scheduler.submit_batch_job(description)
        status = await scheduler.wait_until_done(job)
    print(f"{name}: exit code {status.exit_code}")
    return status.exit_code


async def main() -> None:
    """Run three jobs side by side: the last to start is the first to end."""
    async with await xenon_core.connect() as client:
        codes = await asyncio.gather(
            run_job(client, "slow", 3.0),
            run_job(client, "middling", 1.5),
            run_job(client, "quick", 0.0),
        )
    print("all well" if not any(codes) else "something went wrong")


if __name__ == "__main__":
    asyncio.run(main())
