"""Notices when something blocks the event loop, and says what."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cronapp.engine.executors import attempt_on
from cronapp.engine.stacks import user_stack

logger = logging.getLogger(__name__)

REPORT_EVERY = 5.0
SECOND_CHANCE = 0.05  # the whole process may have been stopped or starved; then the loop answers as soon as we can ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The loop stood still for `seconds`. `run`, `job` and `task` name the run that did it, if one did."""

    seconds: float
    over: bool
    run: int | None
    job: str | None
    task: str | None
    stack: str


class LoopWatchdog:
    """A thread that asks the loop for a sign of life, again and again.

    When none comes within `limit` seconds it looks where the loop's thread is. `on_block` is called on the watchdog's
    thread: at once, then every five seconds, and when the block is over.
    """

    def __init__(self, on_block: Callable[[Blocked], None], limit: float = 0.5) -> None:
        self._on_block = on_block
        self._limit = limit
        self._stopped = threading.Event()
        self._beat = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the running loop. To be called on it."""
        if self._thread:
            return
        watched = (asyncio.get_running_loop(), threading.get_ident())
        self._stopped.clear()
        self._thread = threading.Thread(target=self._watch, args=watched, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, and wait for the thread's end."""
        self._stopped.set()
        self._beat.set()  # it may be waiting for this loop, which now waits for it
        if self._thread:
            self._thread.join(timeout=2 * self._limit + 1)
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._stopped.wait(self._limit / 2):
            beat = self._beat = threading.Event()
            asked = time.monotonic()
            try:
                loop.call_soon_threadsafe(beat.set)
            except RuntimeError:  # the loop is closed
                return
            if not beat.wait(self._limit):
                self._look(loop, thread, beat, asked)

    def _look(self, loop: asyncio.AbstractEventLoop, thread: int, beat: threading.Event, asked: float) -> None:
        attempt = attempt_on(loop)
        frame = sys._current_frames().get(thread)
        stack = user_stack(frame) if frame else ""
        del frame  # it would keep the caller's variables alive
        if beat.wait(SECOND_CHANCE):
            return
        over = False
        while not self._stopped.is_set():
            self._tell(  # at once: when the block is over, its run may be as well, and its log be closed
                Blocked(
                    seconds=time.monotonic() - asked,
                    over=over,
                    run=attempt.id if attempt else None,
                    job=attempt.job if attempt else None,
                    task=attempt.task.name if attempt else None,
                    stack=stack,
                )
            )
            if over:
                return
            over = self._beats(beat)

    def _beats(self, beat: threading.Event) -> bool:
        """Wait for the sign of life, but not longer than until the next report or the watchdog's own end."""
        until = time.monotonic() + REPORT_EVERY
        while time.monotonic() < until and not self._stopped.is_set():
            if beat.wait(self._limit):
                return True
        return beat.is_set()

    def _tell(self, blocked: Blocked) -> None:
        try:
            self._on_block(blocked)
        except Exception:
            logger.exception("The report of a blocked event loop failed.")
