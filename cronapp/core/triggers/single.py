"""The triggers of a cron expression, of one moment, and of no moment at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cronapp.core.cron import Cron
from cronapp.core.triggers.trigger import Trigger, moment_words
from cronapp.core.zones import wall_to_datetime


@dataclass(frozen=True, slots=True)
class CronTrigger(Trigger):
    cron: Cron
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        return self.cron.next_after(moment, self.zone)

    def previous_before(self, moment: datetime) -> datetime | None:
        return self.cron.previous_before(moment, self.zone)

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        return self.cron.count(after, until, self.zone, at_most)

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        wall = self.cron.wall_after(moment, self.zone)
        return None if wall is None else (wall_to_datetime(wall), self.zone)

    def words(self) -> str:
        return self.cron.words()

    def warnings(self) -> tuple[str, ...]:
        return self.cron.warnings()

    def keeps_time(self) -> bool:
        return not self.cron.is_reboot

    def starts_with_server(self) -> bool:
        return self.cron.is_reboot


@dataclass(frozen=True, slots=True)
class OnceTrigger(Trigger):
    at: datetime
    zone: ZoneInfo
    wall: datetime | None = None  # as it was given, when without an offset

    def next_after(self, moment: datetime) -> datetime | None:
        return self.at if moment < self.at else None

    def previous_before(self, moment: datetime) -> datetime | None:
        return self.at if self.at < moment else None

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        return None if self.wall is None or moment >= self.at else (self.wall, self.zone)

    def words(self) -> str:
        return f"Once, on {moment_words(self.at, self.zone)}"


@dataclass(frozen=True, slots=True)
class ManualTrigger(Trigger):
    def next_after(self, moment: datetime) -> datetime | None:
        return None

    def previous_before(self, moment: datetime) -> datetime | None:
        return None

    def words(self) -> str:
        return "Only when started by hand"

    def keeps_time(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class DependencyTrigger(ManualTrigger):
    def words(self) -> str:
        return "After other jobs"
