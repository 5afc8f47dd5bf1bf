"""The times of day that a cron expression names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from cronapp.core.cron.tree import Tree


class Dial:
    """The values of a field, made for jumping: `after[v]` is the first one >= v, `before[v]` the last one <= v."""

    __slots__ = ("after", "before", "first", "last", "values")

    def __init__(self, values: Sequence[int], size: int) -> None:
        self.values = values
        self.first, self.last = values[0], values[-1]
        self.after = [-1] * (size + 1)
        # One more entry, so that before[-1], which is where before[v - 1] leads for v = 0, has none.
        self.before = [-1] * (size + 1)
        for value in reversed(values):
            self.after[: value + 1] = [value] * (value + 1)
        for value in values:
            self.before[value:size] = [value] * (size - value)


class Times:
    """Seconds since midnight; -1 stands for none."""

    __slots__ = ("_hour", "_minute", "_second", "first", "last")

    def __init__(self, tree: Tree) -> None:
        self._hour = Dial(tree.hour.values, 24)
        self._minute = Dial(tree.minute.values, 60)
        self._second = Dial(tree.second.values, 60)
        self.first = self._hour.first * 3600 + self._minute.first * 60 + self._second.first
        self.last = self._hour.last * 3600 + self._minute.last * 60 + self._second.last

    def at_or_after(self, time: int) -> int:
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self._hour.after[hour] == hour:
            if self._minute.after[minute] == minute:
                at = self._second.after[second]
                if at >= 0:
                    return minutes * 60 + at
            at = self._minute.after[minute + 1]
            if at >= 0:
                return hour * 3600 + at * 60 + self._second.first
        hour = self._hour.after[hour + 1]
        return hour * 3600 + self._minute.first * 60 + self._second.first if hour >= 0 else -1

    def at_or_before(self, time: int) -> int:
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self._hour.before[hour] == hour:
            if self._minute.before[minute] == minute:
                at = self._second.before[second]
                if at >= 0:
                    return minutes * 60 + at
            at = self._minute.before[minute - 1]
            if at >= 0:
                return hour * 3600 + at * 60 + self._second.last
        hour = self._hour.before[hour - 1]
        return hour * 3600 + self._minute.last * 60 + self._second.last if hour >= 0 else -1

    def count_until(self, time: int) -> int:
        """How many times of day are <= this one."""
        hour, minute, second = time // 3600, time // 60 % 60, time % 60
        hours, minutes, seconds = self._hour.values, self._minute.values, self._second.values
        found = bisect_left(hours, hour) * len(minutes) * len(seconds)
        if self._hour.after[hour] == hour:
            found += bisect_left(minutes, minute) * len(seconds)
            if self._minute.after[minute] == minute:
                found += bisect_right(seconds, second)
        return found
