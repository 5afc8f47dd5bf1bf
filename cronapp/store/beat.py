"""Signs of life of this process, from a thread with a connection of its own.

On the event loop they would stop whenever a task blocks it, and the others would think that this process is dead and
execute its runs once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from cronapp.core.models import Node
from cronapp.core.postgres import line
from cronapp.store import nodes
from cronapp.store.open import leave_standby, named_database

log = logging.getLogger(__name__)
LONG = 1.0  # seconds
STUCK = 60.0  # seconds; no try takes that long, even where nothing answers at all


class Beat:
    def __init__(
        self, url: str, node: Node, every: float, *, given_up: Callable[[], None], timed: Callable[[float], None]
    ) -> None:
        """`given_up` is called on the thread when the others have given this process up, as after a long sleep, and
        `timed` with the seconds that this machine's clock is ahead of the database's."""
        self._url = url
        self._node = node
        self._every = min(every, nodes.ALIVE / 6)  # who starts or copies goes by that, however long a stall may be
        self._given_up = given_up
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="cronapp-beat", daemon=True)
        self._timed = timed
        self._clock_off = 0.0
        self.last: float | None = None
        """The moment of the monotonic clock at which the database heard of us last."""
        self._tried = time.monotonic()

    @property
    def goes_on(self) -> bool:
        """Whether the thread tries on, be the database there or not. If not, the others give this process up for good,
        and nothing but a new one helps."""
        stuck = time.monotonic() - self._tried > self._every + STUCK
        return self._stopped.is_set() or (self._thread.is_alive() and not stuck)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """May be called from the loop: it waits for nothing that could take long."""
        self._stopped.set()

    def join(self, limit: float) -> None:
        """Waits for its end, but not longer: a database that does not answer holds it up for ever."""
        self._thread.join(limit)

    def _beat_on(self) -> None:
        engine = beating_engine(self._url)
        away = False
        while not self._stopped.is_set():
            began = self._tried = time.monotonic()
            try:
                known = self._beat(engine)
            except (SQLAlchemyError, OSError) as error:
                if not away:
                    log.warning("no sign of life reaches the database: %s", str(error).split("\n", 1)[0])
                away = True
            else:
                away, self.last = False, time.monotonic()
                if not known and not self._stopped.is_set():
                    self._given_up()
            self._stopped.wait(max(self._every - (time.monotonic() - began), 0.05))
        engine.dispose()

    def _beat(self, engine: Engine) -> bool:
        with engine.begin() as conn:
            if (off := measured(conn)) is not None:
                self._clock_off = off
                self._timed(off)
            return nodes.beat(conn, self._node, self._clock_off)


def beating_engine(url: str) -> Engine:
    engine = create_engine(
        named_database(url),
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args=line(url),
    )
    event.listen(engine, "handle_error", leave_standby)
    return engine


def measured(conn: Connection) -> float | None:
    """How far this machine's clock is ahead of the database's, to half of what the question takes. None: that took too
    long to say, as when the process was stopped meanwhile."""
    began, before = time.monotonic(), datetime.now(UTC)
    theirs = nodes.now(conn)
    after = datetime.now(UTC)
    if time.monotonic() - began > LONG:
        return None
    return (before + (after - before) / 2 - theirs).total_seconds()
