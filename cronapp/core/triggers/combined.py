"""Triggers made of others: several at once, and one with a beginning and an end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cronapp.core.triggers.trigger import TICK, Trigger, moment_words


@dataclass(frozen=True, slots=True)
class SeveralTriggers(Trigger):
    """The slots of all; one that several promise is one slot."""

    parts: tuple[Trigger, ...]

    def next_after(self, moment: datetime) -> datetime | None:
        return min((slot for part in self.parts if (slot := part.next_after(moment))), default=None)

    def previous_before(self, moment: datetime) -> datetime | None:
        return max((slot for part in self.parts if (slot := part.previous_before(moment))), default=None)

    def words(self) -> str:
        zones = [part.zone.key if part.zone and part.keeps_time() else "" for part in self.parts]
        differ = len({name for name in zones if name}) > 1
        each = (
            part.words() + (f" ({name})" if name and differ else "")
            for part, name in zip(self.parts, zones, strict=True)
        )
        first, *others = dict.fromkeys(each)
        return "; ".join([first, *(words[0].lower() + words[1:] for words in others)])

    def warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for part in self.parts for text in part.warnings()))

    def keeps_time(self) -> bool:
        return any(part.keeps_time() for part in self.parts)

    def starts_with_server(self) -> bool:
        return any(part.starts_with_server() for part in self.parts)

    def reaching_back(self, since: datetime) -> Trigger:
        return SeveralTriggers(tuple(part.reaching_back(since) for part in self.parts))


@dataclass(frozen=True, slots=True)
class WindowTrigger(Trigger):
    """The slots from `starts_at` to `ends_at`, both inclusive. A start hides slots, it does not move them."""

    inner: Trigger
    starts_at: datetime | None
    ends_at: datetime | None
    told_in: ZoneInfo

    @property
    def zone(self) -> ZoneInfo | None:
        return self.inner.zone

    def next_after(self, moment: datetime) -> datetime | None:
        slot = self.inner.next_after(self._from(moment))
        return None if slot is None or (self.ends_at is not None and slot > self.ends_at) else slot

    def previous_before(self, moment: datetime) -> datetime | None:
        if self.ends_at is not None and moment > self.ends_at:
            moment = self.ends_at + TICK
        slot = self.inner.previous_before(moment)
        return None if slot is None or (self.starts_at is not None and slot < self.starts_at) else slot

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        until = until if self.ends_at is None else min(until, self.ends_at)
        return self.inner.count(self._from(after), until, at_most)

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        return self.inner.wall_after(self._from(moment))

    def words(self) -> str:
        start = f", from {moment_words(self.starts_at, self.told_in)}" if self.starts_at else ""
        end = f", until {moment_words(self.ends_at, self.told_in)}" if self.ends_at else ""
        return f"{self.inner.words()}{start}{end}"

    def warnings(self) -> tuple[str, ...]:
        return self.inner.warnings()

    def keeps_time(self) -> bool:
        return self.inner.keeps_time()

    def starts_with_server(self) -> bool:
        return self.inner.starts_with_server()

    def reaching_back(self, since: datetime) -> Trigger:
        return replace(self, inner=self.inner.reaching_back(since))

    def _from(self, moment: datetime) -> datetime:
        return self.starts_at - TICK if self.starts_at is not None and moment < self.starts_at else moment
