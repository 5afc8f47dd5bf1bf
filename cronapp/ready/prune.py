"""Deletes Cron-App's own old history."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cronapp import progress, task
from cronapp.core.ready import lent


@task
async def prune(
    keep_days: Annotated[float, Field(gt=0)] = 90, keep_runs: Annotated[int, Field(ge=1)] = 10_000
) -> dict[str, int]:
    """Delete old runs of all jobs, with their logs.

    The server does so by itself every ten minutes, by its settings `KEEP_DAYS` and `KEEP_RUNS`. This is for who wants
    to keep less than these at times, or to see in a job's history what was deleted. The audit is not touched.

    Args:
        keep_days: Runs that ended so many days ago, and the history of jobs that were removed then, are deleted.
        keep_runs: Of each job, ended runs beyond its newest so many are deleted.
    """
    server = lent()
    if server is None:
        raise RuntimeError("There is no history here: this task asks the server that runs it.")
    gone = await server.prune(keep_days, keep_runs, progress)
    print(f"{gone:,} runs deleted")
    return {"deleted": gone}
