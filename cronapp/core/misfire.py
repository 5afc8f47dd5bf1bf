"""What becomes of the slots that passed since somebody last looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isinf

from cronapp.core.models import MisfirePolicy
from cronapp.core.triggers import Trigger, count_between, last_at_or_before, slots_between

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MissedRange:
    """Slots in a row that do not run: the first, the last, and how many there are."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer for every slot of a stretch of time: it runs, or it is in the missed range."""

    on_time: tuple[datetime, ...] = ()
    late: tuple[datetime, ...] = ()
    missed: MissedRange | None = None

    @property
    def run(self) -> tuple[datetime, ...]:
        """All slots that run, oldest first."""
        return self.late + self.on_time


def settle(
    trigger: Trigger,
    *,
    after: datetime,
    now: datetime,
    policy: MisfirePolicy,
    grace: float,
    punctual: float = 1.0,
    limit: int = 1000,
) -> Settled:
    """Decide over the slots after `after` and not after `now`.

    A slot that is at most `punctual` seconds old is on time and always runs. Older ones are late, and by the policy

    - `skip` none of them runs;
    - `last` the newest runs if it is younger than `grace` seconds, but not beside one that is on time: the newest slot
      of all is what runs;
    - `all` each that is younger than `grace` runs, the newest `limit` of them, oldest first.

    What does not run is one range in a row, older than all that runs. It is described, never listed, and its count is
    reckoned as `count_between` does it.
    """
    newest_late = now - timedelta(seconds=punctual) - _TICK
    on_time = tuple(slots_between(trigger, max(after, newest_late), now, limit))
    if newest_late <= after:
        return Settled(on_time)
    late = _late(trigger, after, now, newest_late, policy, grace, limit) if not _covered(policy, on_time) else ()
    missed_until = late[0] - _TICK if late else newest_late
    return Settled(on_time, late, _missed(trigger, after, missed_until))


def _covered(policy: MisfirePolicy, on_time: tuple[datetime, ...]) -> bool:
    """A slot that is on time stands for the late ones too."""
    return policy is MisfirePolicy.SKIP or (policy is MisfirePolicy.LAST and bool(on_time))


def _late(
    trigger: Trigger,
    after: datetime,
    now: datetime,
    newest: datetime,
    policy: MisfirePolicy,
    grace: float,
    limit: int,
) -> tuple[datetime, ...]:
    """The late slots that run, found from the newest on, so that a long absence costs nothing."""
    oldest = after if isinf(grace) else max(after, now - timedelta(seconds=grace))
    slots: list[datetime] = []
    slot = last_at_or_before(trigger, newest, oldest)
    while slot is not None and len(slots) < (limit if policy is MisfirePolicy.ALL else 1):
        slots.append(slot)
        slot = last_at_or_before(trigger, slot - _TICK, oldest)
    return tuple(reversed(slots))


def _missed(trigger: Trigger, after: datetime, until: datetime) -> MissedRange | None:
    first = trigger.next_after(after)
    last = last_at_or_before(trigger, until, after)
    if first is None or last is None:
        return None
    return MissedRange(first, last, max(1, count_between(trigger, after, until)))


def parted(trigger: Trigger, missed: MissedRange, at: Sequence[datetime]) -> list[MissedRange]:
    """The range without these moments, oldest first, so that no part reaches over one of them. They are in order, and
    the trigger does not promise them."""
    inside = [moment for moment in at if missed.first < moment < missed.last]
    if not inside:
        return [missed]
    edges = [missed.first - _TICK, *inside, missed.last]
    parts = (_missed(trigger, after, until) for after, until in pairwise(edges))
    return [part for part in parts if part]
