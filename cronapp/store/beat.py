"""Signs of life of this process, from a thread with a connection of its own.

On the event loop they would stop whenever a task blocks it, and the others would think that this process is dead and
execute its runs once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from cronapp.core.clock import system_clock
from cronapp.core.errors import CannotStart
from cronapp.core.models import Node
from cronapp.core.postgres import line
from cronapp.store import nodes
from cronapp.store.migrating import refuse_newer
from cronapp.store.open import leave_standby, named_database

log = logging.getLogger(__name__)
LONG = 1.0  # seconds
STUCK = 60.0  # seconds; no try takes that long, even where nothing answers at all
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # which goes on while the machine sleeps


class Beat:
    def __init__(
        self,
        url: str,
        node: Node,
        every: float,
        *,
        given_up: Callable[[], None],
        outgrown: Callable[[], None],
        timed: Callable[[float], None],
    ) -> None:
        """What is called on the thread: `given_up` when the others have given this process up, as after a long sleep,
        `outgrown` when the database has become one with which it cannot work, after which it gives no more signs of
        life, and `timed` with the seconds that this machine's clock is ahead of the database's."""
        self._url = url
        self._node = node
        self._every = min(every, nodes.ALIVE / 6)  # who starts or copies goes by that, however long a stall may be
        self._given_up = given_up
        self._outgrown = outgrown
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="cronapp-beat", daemon=True)
        self._timed = timed
        self._clock_off = 0.0
        self._last = now()
        self._tried = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since the database heard of us last."""
        return now() - self._last

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
            began, self._tried = now(), time.monotonic()
            try:
                known = self._beat(engine)
            except CannotStart:
                self._outgrown()
                break
            except (SQLAlchemyError, OSError) as error:
                if not away:
                    log.warning("no sign of life reaches the database: %s", str(error).split("\n", 1)[0])
                away = True
            else:
                if away:
                    log.info("signs of life reach the database again")
                away, self._last = False, began
                if not known and not self._stopped.is_set():
                    self._given_up()
            self._stopped.wait(max(self._every - (now() - began), 0.05))
        engine.dispose()

    def _beat(self, engine: Engine) -> bool:
        """Whether the others know this process. Raises `CannotStart` if they are of a newer version that it cannot work
        beside: only where something is odd, since nobody makes a database such while we are heard of."""
        try:
            with engine.begin() as conn:
                if (off := measured(conn)) is not None:
                    self._clock_off = off
                    self._timed(off)
                known = nodes.beat(conn, self._node, self._clock_off)
                if not known:
                    refuse_newer(conn)
                return known
        except ProgrammingError:  # the tables are not as we know them
            with engine.begin() as conn:
                refuse_newer(conn)
            raise


def now() -> float:
    """Seconds of a clock that nobody sets."""
    return time.clock_gettime(CLOCK)


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
    began, before = time.monotonic(), system_clock()
    theirs = nodes.now(conn)
    after = system_clock()
    if time.monotonic() - began > LONG:
        return None
    return (before + (after - before) / 2 - theirs).total_seconds()
