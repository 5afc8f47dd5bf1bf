"""The zones of jobs, so that the browser can tell each moment by the clock of its job."""

from __future__ import annotations

from collections.abc import Iterable

from cronapp.core.models import JobSpec, Run
from cronapp.web.filters import zone_name
from cronapp.web.site import Parts


def job_zone(house: Parts, spec: JobSpec) -> str:
    """The zone of the job's first schedule that has one, else the server's."""
    return zone_name(spec) or house.timezone


async def zones_of(house: Parts, runs: Iterable[Run]) -> dict[int, str]:
    """The zones of the runs' jobs, by the jobs' keys. A removed job has none."""
    jobs = await house.jobs.by_keys({run.job_key for run in runs})
    return {job.key: job_zone(house, job.spec) for job in jobs}
