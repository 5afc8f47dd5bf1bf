"""Whether a job must not run at a moment, why, and from when on it may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.blackouts import CalendarFile, blackout_for
from cronapp.core.errors import CalendarUnreadable
from cronapp.core.triggers import Trigger
from cronapp.core.triggers.trigger import TICK
from cronapp.service.calendars import Calendars

MOST_JUMPS = 10_000


@dataclass(frozen=True, slots=True)
class Covered:
    """A blackout covers the moment that was asked for."""

    until: datetime
    reason: str


class Blackouts:
    """Asks the blackouts of a job, those in calendar files too. May be asked from any thread."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars

    def check(self, blackouts: Sequence[str]) -> dict[str, str]:
        """What is wrong with each, as `{"blackouts.0": sentence}`; empty when all can be used."""
        errors: dict[str, str] = {}
        for index, text in enumerate(blackouts):
            try:
                blackout = blackout_for(text)
                if isinstance(blackout, CalendarFile):
                    self._calendars.check(blackout.path)
            except (ValueError, CalendarUnreadable) as error:
                errors[f"blackouts.{index}"] = str(error)
        return errors

    def covering(self, spec_blackouts: Sequence[str], moment: datetime, zone: ZoneInfo) -> Covered | None:
        """The blackout that covers the moment; of several the one that ends last.

        A blackout that cannot be asked, as a calendar that is gone, covers this one moment: better no run than one at a
        time at which there must be none.
        """
        found, unreadable = self._ask(spec_blackouts, moment, zone)
        return found or unreadable

    def free_after(
        self, trigger: Trigger, spec_blackouts: Sequence[str], moment: datetime, zone: ZoneInfo
    ) -> datetime | None:
        """The first slot after the moment that no blackout covers.

        A slot of which that cannot be told, since a calendar cannot be read, counts as one: whether it may run is
        decided when it comes. None: there is none, or none behind 10,000 blackouts.
        """
        slot = trigger.next_after(moment)
        for _ in range(MOST_JUMPS):
            if slot is None:
                return None
            covered, _unreadable = self._ask(spec_blackouts, slot, zone)
            if covered is None:
                return slot
            slot = trigger.next_after(covered.until - TICK)
        return None

    def _ask(self, texts: Sequence[str], moment: datetime, zone: ZoneInfo) -> tuple[Covered | None, Covered | None]:
        """What covers the moment for sure, and what cannot be asked."""
        found: list[Covered] = []
        unreadable = None
        for text in texts:
            try:
                covered = self._ask_one(text, moment, zone)
            except CalendarUnreadable as error:
                why = f"The calendar {error.path} cannot be read: {error.why}."
                unreadable = Covered(moment + TICK, f"{why} Slots are skipped until it can.")
            except ValueError as error:
                unreadable = Covered(moment + TICK, f"The blackout {text!r} cannot be used: {error}")
            else:
                found += [covered] if covered else []
        return max(found, key=lambda covered: covered.until, default=None), unreadable

    def _ask_one(self, text: str, moment: datetime, zone: ZoneInfo) -> Covered | None:
        blackout = blackout_for(text)
        if isinstance(blackout, CalendarFile):
            event = self._calendars.end_of(blackout.path, moment, zone)
            return None if event is None else Covered(event[0], f"Blacked out: {event[1]} ({blackout.path}).")
        end = blackout.end_of(moment, zone)
        return None if end is None else Covered(end, f"Blacked out: {blackout.words()}.")


def lines_of(data: Mapping[str, Any]) -> list[str]:
    """The blackouts of a job as JSON, each in its place."""
    given = data.get("blackouts")
    return [line if isinstance(line, str) else "" for line in given] if isinstance(given, list | tuple) else []
