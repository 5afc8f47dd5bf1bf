"""What this process takes of its machine."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Taken:
    memory: int | None  # bytes
    cpu: float | None  # per cent of one processor, since the last look
    threads: int | None


class Vitals:
    """Looks at the own process. The first look has no time to compare with, so it tells no load."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._looked = False

    def look(self) -> Taken:
        """None for what the machine does not tell."""
        try:
            with self._process.oneshot():
                cpu = self._process.cpu_percent()
                taken = Taken(
                    self._process.memory_info().rss, cpu if self._looked else None, self._process.num_threads()
                )
        except psutil.Error:
            return Taken(None, None, None)
        self._looked = True
        return taken
