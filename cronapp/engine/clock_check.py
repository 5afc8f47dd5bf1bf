"""Whether this machine's clock agrees with the database's. Where it is off by much, slots are left to others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cronapp.core.models import MOST_OFF, NOTED_OFF

log = logging.getLogger(__name__)


class ClockCheck:
    def __init__(self, turned: Callable[[], None]) -> None:
        """`turned` is called when it is too far off, and when it is right again."""
        self._turned = turned
        self._noted = False
        self.off = 0.0
        """Seconds that this machine's clock is ahead of the database's."""
        self.wrong = False
        """Whether it is off by so much that no slot is taken here."""

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
                log.error("with a clock that is %+.1f s off no slot is taken here; other servers do", off)
            self._turned()
