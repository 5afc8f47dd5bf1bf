"""Sends what waits in the outbox, beside everything else: what it does never holds up a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from cronapp.core.alert_texts import message_of
from cronapp.core.alerts import Delivery
from cronapp.core.clock import Clock
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import DeliveriesChanged, Event, Resync
from cronapp.core.models import Job, Json, Run
from cronapp.notify.carriers import Carriers
from cronapp.notify.guard import Refused
from cronapp.notify.post import NotSent
from cronapp.service.outbox import Outbox, Parcel
from cronapp.service.watch import Watch

log = logging.getLogger(__name__)
LOOK_EVERY = 30.0  # seconds: the net under events
WATCH_EVERY = 15.0
TRY_AGAIN = 2.0  # seconds until the next try when the database is away
AT_ONCE = 8  # targets that are sent to side by side
LEAVING = 3.0  # seconds that what is being sent has when the server closes

AsJson = Callable[[Run | None, Job | None], Json]
"""A run and its job as the API tells them."""


class Sender:
    """`address` is the site's, for links; None: messages have none. `only`: no other server sends what is in the same
    database."""

    def __init__(
        self,
        outbox: Outbox,
        watch: Watch,
        carriers: Carriers,
        clock: Clock,
        *,
        as_json: AsJson,
        address: str | None = None,
        only: bool = True,
    ) -> None:
        self.outbox = outbox
        self.watch = watch
        self.carriers = carriers
        self.clock = clock
        self.address = address
        self.only = only
        self._as_json = as_json
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._places = asyncio.Semaphore(AT_ONCE)

    def heed(self, event: Event) -> None:
        if isinstance(event, DeliveriesChanged | Resync):
            self._wake.set()

    async def start(self) -> None:
        await self.outbox.lose(all_of_it=self.only)
        self._loops = [
            asyncio.create_task(self._again_and_again(self._pass, self._wake), name="cronapp-notify"),
            asyncio.create_task(self._again_and_again(self._look, asyncio.Event()), name="cronapp-notify-watch"),
        ]

    async def stop(self) -> None:
        """Takes nothing new. What is being sent has a moment to end; then nobody knows whether it arrives."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=LEAVING)
        left = list(self._busy.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.carriers.close()

    async def test(self, names: Sequence[str], urls: Sequence[str], by: str, job: Job | None = None) -> list[Delivery]:
        """Sends a test to each of them at once, and answers what became of it."""
        parcels = await self.outbox.test(names, urls, by, job)
        await asyncio.gather(*map(self._send, parcels))
        return [one for parcel in parcels for one in await self.outbox.became(parcel.message)]

    # -- the loops ------------------------------------------------------------------------------------------------

    async def _again_and_again(self, do: Callable[[], Awaitable[float]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                wait = await do()
            except StoreUnavailable as error:
                log.warning("%s Messages are sent later.", error)
                wait = TRY_AGAIN
            except Exception:
                log.exception("what waits to be sent cannot be looked at; trying again")
                wait = LOOK_EVERY
            try:
                async with asyncio.timeout(wait):
                    await wake.wait()
            except TimeoutError:
                pass

    async def _look(self) -> float:
        await self.watch.look()
        await self.outbox.lose()
        return WATCH_EVERY

    async def _pass(self) -> float:
        """Sets to work what is due; answers in how many seconds to look again."""
        for target in await self.outbox.targets():
            if target not in self._busy:
                task = asyncio.create_task(self._serve(target), name=f"cronapp-notify-{target[:40]}")
                self._busy[target] = task
                task.add_done_callback(partial(self._served, target))
        due = await self.outbox.next_due()
        ahead = (due - self.clock()).total_seconds() if due else LOOK_EVERY
        if ahead <= 0:  # what is due is being served, and who has served wakes us
            return LOOK_EVERY if self._busy else 0.0
        return min(ahead, LOOK_EVERY)

    def _served(self, target: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(target, None)
        self._wake.set()

    async def _serve(self, target: str) -> None:
        """Sends to one target what is due for it, one message after the other."""
        async with self._places:
            try:
                while (parcel := await self.outbox.take(target)) is not None:
                    if not await self._send(parcel):
                        return
            except StoreUnavailable as error:
                log.warning("%s Messages are sent later.", error)
                await asyncio.sleep(TRY_AGAIN)
            except Exception:
                log.exception("what waits for %s cannot be sent; trying again", target.partition(":")[0])
                await asyncio.sleep(TRY_AGAIN)

    async def _send(self, parcel: Parcel) -> bool:
        """One message; answers whether it was sent."""
        try:
            if parcel.problem:
                raise Refused(parcel.problem)
            await self._carry(parcel)
        except asyncio.CancelledError:
            await asyncio.shield(self.outbox.unknown(parcel))
            raise
        except Refused as error:
            await self.outbox.given_up(parcel, str(error))
            return False
        except NotSent as error:
            await self.outbox.not_sent(parcel, str(error))
            return False
        except Exception as error:  # a service that fails in a way of its own
            log.exception("a message could not be sent")
            await self.outbox.not_sent(parcel, f"It failed with {type(error).__name__}.")
            return False
        await self.outbox.sent(parcel)
        return True

    async def _carry(self, parcel: Parcel) -> None:
        first = parcel.told[0]
        match parcel.kind:
            case "hook":
                data = {
                    "event": first.event,
                    "delivery": first.id,
                    "at": first.at.isoformat().replace("+00:00", "Z"),
                    **self._as_json(parcel.run, parcel.job),
                    "facts": first.facts,
                }
                await self.carriers.hook(parcel.url, parcel.secret, first.id, first.event, data, self.clock())
            case "ping":
                await self.carriers.ping(parcel.url)
            case _:
                await self.carriers.apprise(parcel.url, message_of(parcel.told, self.address))
