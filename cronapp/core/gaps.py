"""When nothing runs: the next gap between what is promised."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from cronapp.core.triggers import Trigger

LOOK_AHEAD = timedelta(hours=24)
MOST_SLOTS = 20_000  # looked at: jobs of each second have no gap anyway


@dataclass(frozen=True, slots=True)
class Promise:
    """A job's slots, and how many seconds each is going to take."""

    trigger: Trigger
    usual: float


def next_gap(busy_until: datetime, promises: Sequence[Promise], length: timedelta) -> datetime | None:
    """From when on, at the earliest, nothing starts and nothing is likely to run for that long; looked for within a
    day. `busy_until` is when what runs now is likely to be over."""
    horizon = busy_until + LOOK_AHEAD
    ahead = slots_in_order(promises, busy_until)
    for slot, promise in islice(ahead, MOST_SLOTS):
        if slot > horizon or slot - busy_until >= length:
            return busy_until if busy_until + length <= horizon else None
        busy_until = max(busy_until, slot + timedelta(seconds=promise.usual))
    return None if next(ahead, None) else busy_until


def slots_in_order(promises: Sequence[Promise], after: datetime) -> Iterator[tuple[datetime, Promise]]:
    """The slots of all, the earliest first."""
    # The number decides where two slots are at the same moment: promises have no order.
    ahead = [(slot, n) for n, one in enumerate(promises) if (slot := one.trigger.next_after(after)) is not None]
    heapq.heapify(ahead)
    while ahead:
        slot, n = ahead[0]
        yield slot, promises[n]
        following = promises[n].trigger.next_after(slot)
        if following is None:
            heapq.heappop(ahead)
        else:
            heapq.heapreplace(ahead, (following, n))
