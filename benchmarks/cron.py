"""How fast the cron engine finds the next slot, beside cronsim and APScheduler. Run: python benchmarks/cron.py"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

from cronapp.core.cron import parse

EXPRESSIONS = ("* * * * *", "*/5 * * * *", "0 9 * * 1-5", "30 2 * * *", "0 0 29 2 *")
ZONES = ("UTC", "Europe/Berlin")
ROUNDS = 5
SLOTS = 200


def ours(expression: str, zone: ZoneInfo) -> None:
    cron = parse(expression)
    moment: datetime | None = datetime(2025, 1, 1, tzinfo=UTC)
    for _ in range(SLOTS):
        assert moment is not None
        moment = cron.next_after(moment, zone)


def cronsim(expression: str, zone: ZoneInfo) -> None:
    slots = CronSim(expression, datetime(2025, 1, 1, tzinfo=zone))
    for _ in range(SLOTS):
        next(slots)


def apscheduler(expression: str, zone: ZoneInfo) -> None:
    # Its own numbering of weekdays differs; from_crontab takes the text as it is, and the work is the same.
    trigger = CronTrigger.from_crontab(expression, timezone=zone)
    moment = datetime(2025, 1, 1, tzinfo=zone)
    for _ in range(SLOTS):
        moment = trigger.get_next_fire_time(moment, moment)


def microseconds(run: Callable[[str, ZoneInfo], None], expression: str, zone: ZoneInfo) -> float:
    """The best of some rounds, for one slot, parsing included."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = perf_counter()
        run(expression, zone)
        best = min(best, perf_counter() - begun)
    return best / SLOTS * 1e6


def main() -> None:
    print(f"{'expression':<14}{'zone':<15}{'ours µs':>9}{'cronsim':>9}{'ratio':>7}{'apsched.':>10}{'ratio':>7}")
    for name in ZONES:
        zone = ZoneInfo(name)
        for expression in EXPRESSIONS:
            own, sim, aps = (microseconds(run, expression, zone) for run in (ours, cronsim, apscheduler))
            print(f"{expression:<14}{name:<15}{own:>9.1f}{sim:>9.1f}{own / sim:>7.2f}{aps:>10.1f}{own / aps:>7.2f}")


if __name__ == "__main__":
    main()
