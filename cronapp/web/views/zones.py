"""The zones of jobs, so that the browser can tell each moment by the clock of its job, and of who looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from quart import request

from cronapp.core.models import JobSpec, Run
from cronapp.core.zones import available_names, resolve, zone
from cronapp.web.filters import zone_name
from cronapp.web.site import Parts

TOLD = "cronapp_zone"  # the cookie in which a browser says by which clock it tells the time


@dataclass(frozen=True, slots=True)
class ReaderZone:
    """By which clock a page is drawn: as the browser `told`, so that it sees when it is another one by now."""

    told: str
    zone: ZoneInfo

    def wall(self, at: datetime | None) -> str:
        """What the clock shows at a moment, as a field for moments takes it."""
        return at.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S") if at else ""

    def moment(self, wall: str) -> datetime | None:
        """The moment at which the clock shows that; of two the first. None where it is none."""
        try:
            return resolve(datetime.fromisoformat(wall).replace(tzinfo=None), self.zone)
        except ValueError:
            return None


def reader_zone(house: Parts) -> ReaderZone:
    """The zone of who asks: their own, or the server's where each job has its own; UTC as long as it is not known."""
    told = request.cookies.get(TOLD, "UTC")
    name = house.timezone if told == "job" else told
    return ReaderZone(told, zone(name if name in available_names() else "UTC"))


def job_zone(house: Parts, spec: JobSpec) -> str:
    """The zone of the job's first schedule that has one, else the server's."""
    return zone_name(spec) or house.timezone


async def zones_of(house: Parts, runs: Iterable[Run]) -> dict[int, str]:
    """The zones of the runs' jobs, by the jobs' keys. A removed job has none."""
    jobs = await house.jobs.by_keys({run.job_key for run in runs})
    return {job.key: job_zone(house, job.spec) for job in jobs}
