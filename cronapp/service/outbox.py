"""What waits to be sent: taken piece by piece, and what became of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.addressing import ABOUT
from cronapp.core.alerts import FIRST_WAIT, TEST, Delivery, DeliveryState, retry_at
from cronapp.core.channels import SINGLE, USUAL_MOST, Channel
from cronapp.core.clock import Clock
from cronapp.core.errors import ChannelNotFound, SecretUnreadable
from cronapp.core.events import DeliveriesChanged
from cronapp.core.models import Job, Run, SecretUrl
from cronapp.core.vault import Vault
from cronapp.store import channels, deliveries, jobs, runs
from cronapp.store.deliveries import HOUR, Told
from cronapp.store.store import Conn, Store, Tx

TOGETHER = 1000  # things told in one message, at the most
OVERDUE = timedelta(minutes=3)  # what is being sent for so long is sent by nobody any more
TARGETS = 50  # looked at in one go


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent as one message, and where to."""

    message: str
    kind: str  # apprise, hook, ping
    told: tuple[Delivery, ...]
    url: str = ""
    secret: str = ""
    run: Run | None = None
    job: Job | None = None
    problem: str = ""  # why it cannot be sent at all


class Outbox:
    """`urls` are those of the setting NOTIFY. `first_wait` is how many seconds after a failure it is tried again."""

    def __init__(
        self, store: Store, vault: Vault, clock: Clock, urls: Sequence[str] = (), first_wait: float = FIRST_WAIT
    ) -> None:
        self.store = store
        self.vault = vault
        self.clock = clock
        self.urls = tuple(urls)
        self.first_wait = first_wait

    # -- what waits -----------------------------------------------------------------------------------------------

    async def targets(self) -> list[str]:
        """Those for whom something is due."""
        return await self.store.read(deliveries.targets_due, self.clock(), TARGETS)

    async def next_due(self) -> datetime | None:
        return await self.store.read(deliveries.next_due)

    async def lose(self, *, all_of_it: bool = False) -> int:
        """What was being sent when a server ended. With `all_of_it` whatever is: at the start of the only server."""

        def change(tx: Tx) -> int:
            now = self.clock()
            lost = deliveries.lose(tx, now + HOUR if all_of_it else now - OVERDUE, now)
            emit(tx, lost)
            return len(lost)

        return await self.store.write(change)

    async def take(self, target: str) -> Parcel | None:
        """What is to be sent to that target now, which is from now on being sent by whoever took it; None: nothing, or
        not now."""
        message = secrets.token_hex(8)

        def change(tx: Tx) -> Parcel | None:
            now = self.clock()
            kind, _, name = target.partition(":")
            channel = channels.get(tx.conn, name) if kind == "channel" else None
            most = self._most(tx, target, kind, channel, now)
            told = deliveries.claim_due(tx, target, most, message, now) if most else []
            if not told:
                return None
            emit(tx, told)
            return self._parcel(tx.conn, message, told, channel)

        return await self.store.write(change)

    def _most(self, tx: Tx, target: str, kind: str, channel: Channel | None, now: datetime) -> int:
        """How much of what waits is told in the next message; 0: nothing yet, it is held back."""
        if kind == "ping":
            return self._in_turn(tx, target, now)
        if (channel is None and kind == "channel") or (channel and not channel.groups):
            return 1
        waits = deliveries.line(tx.conn, target, now)
        if not waits.count:
            return 0
        held = held_until(tx.conn, target, channel, waits, now)
        if held is not None:
            deliveries.hold(tx, target, now, *held)
            return 0
        return TOGETHER if waits.held or waits.count > SINGLE else 1

    def _in_turn(self, tx: Tx, target: str, now: datetime) -> int:
        """Calls of one address come in their order: who is told of a beginning after its end takes the run for lost."""
        first = deliveries.first_waiting(tx.conn, target)
        if first is None or first <= now:
            return 1
        deliveries.hold(tx, target, now, first, "waits for the call before it")
        return 0

    def _parcel(self, conn: Conn, message: str, told: Sequence[Delivery], channel: Channel | None) -> Parcel:
        first = told[0]
        kind = channel.kind if channel else first.kind
        try:
            url, secret = self._address(conn, first, channel)
        except (SecretUnreadable, ChannelNotFound) as error:
            return Parcel(message, kind, tuple(told), problem=str(error))
        if kind != "hook":
            return Parcel(message, kind, tuple(told), url)
        run = runs.get(conn, first.run) if first.run else None
        job = next(iter(jobs.by_keys(conn, [first.job_key])), None) if first.job_key else None
        return Parcel(message, kind, tuple(told), url, secret, run, job)

    def _address(self, conn: Conn, told: Delivery, channel: Channel | None) -> tuple[str, str]:
        if told.channel is None:
            return self.vault.open(told.url or "", ABOUT), ""
        if channel is None:
            raise ChannelNotFound
        if channel.place is not None:
            if channel.place >= len(self.urls):
                raise ChannelNotFound
            return self.urls[channel.place], ""
        url, secret = channels.sealed(conn, channel.name)
        opened = self.vault.open(url or "", channels.ABOUT["url"])
        return opened, self.vault.open(secret, channels.ABOUT["secret"]) if secret else ""

    # -- what became of it ----------------------------------------------------------------------------------------

    async def sent(self, parcel: Parcel) -> None:
        await self._ended(parcel, DeliveryState.SENT)

    async def given_up(self, parcel: Parcel, error: str) -> None:
        await self._ended(parcel, DeliveryState.FAILED, error)

    async def unknown(self, parcel: Parcel) -> None:
        """The server ends while it is being sent."""
        await self._ended(parcel, DeliveryState.UNKNOWN, deliveries.NOT_KNOWN)

    async def _ended(self, parcel: Parcel, state: DeliveryState, error: str | None = None) -> None:
        def change(tx: Tx) -> None:
            emit(tx, deliveries.finish(tx, parcel.message, state, self.clock(), error))

        await self.store.write(change)

    async def not_sent(self, parcel: Parcel, error: str) -> bool:
        """It is tried again later, unless that was often enough. Answers whether it is."""
        now = self.clock()
        attempts = max(one.attempts for one in parcel.told)
        due = None
        if all(one.event != TEST for one in parcel.told):
            due = retry_at(now, attempts, parcel.kind, self.first_wait)
        if due is None:
            await self.given_up(parcel, error)
            return False
        again = due

        def change(tx: Tx) -> None:
            deliveries.try_again(tx, parcel.message, again, error)
            emit(tx, parcel.told)

        await self.store.write(change)
        return True

    # -- tried out ------------------------------------------------------------------------------------------------

    async def test(self, names: Sequence[str], urls: Sequence[str], by: str, job: Job | None = None) -> list[Parcel]:
        """A test for each of these channels and addresses, which whoever asks sends at once."""

        def change(tx: Tx) -> list[Parcel]:
            now = self.clock()
            return [parcel for name in names if (parcel := self._tested(tx, name, None, by, job, now))] + [
                parcel for url in urls if (parcel := self._tested(tx, None, url, by, job, now))
            ]

        return await self.store.write(change)

    async def became(self, message: str) -> list[Delivery]:
        """What became of a message."""
        return await self.store.read(deliveries.of_message, message)

    def _tested(
        self, tx: Tx, name: str | None, url: str | None, by: str, job: Job | None, now: datetime
    ) -> Parcel | None:
        channel = channels.get(tx.conn, name) if name else None
        message = secrets.token_hex(8)
        told = Told(
            once=f"test:{message}",
            kind=channel.kind if channel else "apprise",
            event=TEST,
            target=f"test:{message}",
            shown=name or str(url),
            facts={"text": f"This is a test, sent by {by}. Whoever reads it is told what happens."},
            job_key=job.key if job else None,
            job=job.id if job else None,
            channel=name,
            url=url.token if isinstance(url, SecretUrl) else None,
        )
        made = deliveries.add(tx, told, now)
        claimed = deliveries.claim(tx, [made] if made else [], message, now)
        emit(tx, claimed)
        return self._parcel(tx.conn, message, claimed, channel) if claimed else None


def held_until(
    conn: Conn, target: str, channel: Channel | None, waits: deliveries.Line, now: datetime
) -> tuple[datetime, str] | None:
    """Until when what waits is held back, and why: the hours are quiet, more is to come into the same message, or
    there were too many messages within the hour."""
    if channel and channel.quiet and (end := channel.quiet.over(now)):
        return end, f"quiet hours until {end:%H:%M} UTC"
    if channel and channel.digest and not waits.held:
        end = deliveries.window(conn, target, now) or (waits.oldest or now) + timedelta(seconds=channel.digest)
        if end > now:
            return end, "gathered"
    most = channel.most if channel else USUAL_MOST
    sent = deliveries.messages_since(conn, target, now - HOUR)
    if len(sent) >= most:
        return sent[-most] + HOUR, f"{most} messages within an hour"
    return None


def emit(tx: Tx, told: Iterable[Delivery]) -> None:
    for job in {one.job or "" for one in told}:
        tx.emit(DeliveriesChanged(job))
