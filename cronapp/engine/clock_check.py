"""Whether this machine's clock agrees with the database's. Where it is off by much, slots are left to others, and all
else goes by the database's clock: when runs are handed out and tried again, which rates have room, what is noted down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.models import MOST_OFF, NOTED_OFF

log = logging.getLogger(__name__)


class ClockCheck:
    def __init__(self, clock: Clock, turned: Callable[[], None]) -> None:
        """`turned` is called when it is too far off, and when it is right again."""
        self._clock = clock
        self._turned = turned
        self._noted = False
        self.off = 0.0
        """Seconds that this machine's clock is ahead of the database's."""
        self.wrong = False
        """Whether it is off by so much that no slot is taken here."""

    def now(self) -> datetime:
        """The present moment, as the others know it too."""
        return self._clock() - timedelta(seconds=self.off) if self.wrong else self._clock()

    def measured(self, off: float) -> None:
        """With each sign of life."""
        self.off = off
        if (abs(off) > NOTED_OFF) != self._noted:
            self._noted = not self._noted
            if self._noted:
                log.warning("this machine's clock is %+.1f s off the database's; have both set by NTP", off)
            else:
                log.info("this machine's clock agrees with the database's again")
        if (abs(off) > MOST_OFF) != self.wrong:
            self.wrong = not self.wrong
            if self.wrong:
                log.error(
                    "with a clock that is %+.1f s off, the database's is gone by, and slots are left to others", off
                )
            self._turned()
