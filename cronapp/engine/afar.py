"""Looks into runs, wherever they are executed."""

from __future__ import annotations

import asyncio

from cronapp.core.events import Event, LookAsked, LookTold
from cronapp.core.models import Inside
from cronapp.engine.presence import noted
from cronapp.engine.runner import Runner
from cronapp.service.looks import Looks

PATIENCE = 3.0  # seconds that another process has to answer


class Afar:
    def __init__(self, looks: Looks, runner: Runner) -> None:
        self._looks = looks
        self._runner = runner
        self._waiting: dict[int, asyncio.Event] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def heed(self, event: Event) -> None:
        if isinstance(event, LookAsked):
            telling = asyncio.create_task(self._tell(event.run), name="cronapp-look")
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        elif isinstance(event, LookTold) and (waiting := self._waiting.pop(event.run, None)):
            waiting.set()

    async def look(self, run_id: int) -> Inside | None:
        """Where the code of a run is; None: nobody who executes it says so."""
        if seen := await self._runner.look(run_id):
            return seen
        waiting = self._waiting.setdefault(run_id, asyncio.Event())  # several may ask at once
        try:
            if await self._looks.ask(run_id, self._runner.node):
                async with asyncio.timeout(PATIENCE):
                    await waiting.wait()
                return await self._looks.told(run_id)
        except TimeoutError:
            pass
        finally:
            if self._waiting.get(run_id) is waiting:
                del self._waiting[run_id]
        return None

    async def _tell(self, run_id: int) -> None:
        if seen := await self._runner.look(run_id):
            await noted(self._looks.tell(seen))
