"""How often somebody may do something: each has a bucket, out of which one is taken each time, and which fills up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MOST = 10_000


class Buckets:
    """Holds what was taken of so many buckets at the most; whoever did nothing for the longest time is forgotten."""

    def __init__(self, rate: float, size: float, most: int = MOST) -> None:
        """`rate` come in each second, until there are `size`. A rate of nothing sets no limit."""
        self.rate = rate
        self.size = max(size, 1.0)
        self.most = most
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, key: Hashable, now: float) -> float:
        """For how many seconds nothing can be taken; 0: something can."""
        if not self.rate:
            return 0.0
        return max(1.0 - self._now_left(key, now), 0.0) / self.rate

    def take(self, key: Hashable, now: float) -> float:
        """Takes one, or answers after how many seconds there will be one."""
        if wait := self.wait(key, now):
            return wait
        if self.rate:
            self._left[key] = (self._now_left(key, now) - 1.0, now)
            self._left.move_to_end(key)
            while len(self._left) > self.most:
                self._left.popitem(last=False)
        return 0.0

    def _now_left(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (self.size, now))
        return min(left + max(now - at, 0.0) * self.rate, self.size)
