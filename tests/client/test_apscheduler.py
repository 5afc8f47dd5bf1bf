"""The jobs of an APScheduler are taken over: same function, same arguments, same slots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from cronapp.client.apscheduler import NotTaken, jobs_of
from cronapp.core.spec import parse_spec, trigger_for

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def report(shop: str, count: int = 1, *, dry_run: bool = False) -> None:
    """Send it."""


def taken(trigger: Any, **options: Any) -> dict[str, Any]:
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(report, trigger, args=["Kiel"], kwargs={"dry_run": True}, id="shops: Kiel", **options)
    scheduler.start(paused=True)
    try:
        [job] = jobs_of(scheduler)
    finally:
        scheduler.shutdown(wait=False)
    return job


@pytest.mark.parametrize(
    "trigger",
    [
        CronTrigger(hour=3, day_of_week="mon-fri", timezone=BERLIN),
        CronTrigger(minute="*/5", hour="8-17/3", day_of_week="0-4,6", timezone="UTC"),
        CronTrigger(day_of_week="*/2", hour=1, timezone="UTC"),
        CronTrigger(day="1-7", day_of_week="mon", hour=4, timezone="UTC"),
        CronTrigger(day="last", hour=5, minute=30, second=15, timezone="UTC"),
        CronTrigger(day="2nd fri,4th fri", timezone="UTC"),
        CronTrigger(day="last sun", month="1,7", timezone="UTC"),
        CronTrigger(second="*/20", timezone="UTC"),
        CronTrigger(year=2028, month=2, day=29, timezone="UTC"),
        CronTrigger.from_crontab("15 10 * * mon", timezone=BERLIN),
        IntervalTrigger(minutes=7, start_date=datetime(2026, 3, 1, 0, 3, tzinfo=UTC), timezone="UTC"),
        OrTrigger([CronTrigger(hour=3, timezone="UTC"), CronTrigger(hour=4, day=1, timezone="UTC")]),
    ],
    ids=str,
)
def test_a_job_has_the_slots_that_it_had(trigger: Any) -> None:
    spec = parse_spec(taken(trigger), now=NOW)
    assert list(slots_of(lambda moment: trigger_for(spec).next_after(moment))) == list(
        slots_of(lambda moment: trigger.get_next_fire_time(None, moment + timedelta(microseconds=1)))
    )


def slots_of(following: Callable[[datetime], datetime | None]) -> Iterator[datetime]:
    """The first thirty, as far as there are so many."""
    moment: datetime | None = NOW
    for _ in range(30):
        moment = following(moment) if moment else None
        if moment:
            yield moment.astimezone(UTC)


def test_what_a_job_says_comes_along() -> None:
    job = taken(CronTrigger(hour=3, timezone=BERLIN, jitter=60), max_instances=3, coalesce=False, misfire_grace_time=90)
    assert (job["id"], job["task"]) == ("shops-Kiel", "report")
    assert job["args"] == {"shop": "Kiel", "dry_run": True}
    assert (job["overlap"], job["max_running"], job["jitter"]) == ("allow", 3, 60)
    assert job["misfire"] == {"policy": "all", "grace": 90}
    once = taken(DateTrigger(datetime(2030, 1, 1, 10, tzinfo=UTC)))
    assert parse_spec(once, now=NOW).schedule[0].at == datetime(2030, 1, 1, 10, tzinfo=UTC)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "trigger",
    [
        CronTrigger(week=3, timezone="UTC"),
        CronTrigger(day="2nd fri", day_of_week="mon", timezone="UTC"),
        AndTrigger([CronTrigger(hour=3, timezone="UTC")]),
        OrTrigger([CronTrigger(hour=3, timezone="UTC", jitter=5)]),
    ],
    ids=str,
)
def test_a_trigger_that_cannot_be_had_here_is_refused(trigger: Any) -> None:
    with pytest.raises(NotTaken):
        taken(trigger)
