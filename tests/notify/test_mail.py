"""Mail, by a mail server of this machine."""

from __future__ import annotations

from receiving import mailbox
from recipes import BY_HAND, a_job, carry
from support import TurnedClock

from cronapp.core.models import Outcome, RunError, RunState
from cronapp.notify.sender import Sender
from cronapp.service.alerts import Alerts
from cronapp.service.channels import Channels
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs

WORDS = "keine Zahlen für Łódź — 数 🎉"
FAILED = Outcome(state=RunState.FAILED, error=RunError("ValueError", WORDS, "Traceback"))


async def test_a_failure_arrives_as_a_mail_that_is_tried_again_or_given_up_as_the_server_says(
    jobs: Jobs, runs: Runs, alerts: Alerts, channels: Channels, sender: Sender, clock: TurnedClock
) -> None:
    async def state() -> tuple[str, int, str]:
        (newest, *_), _ = await alerts.page(limit=1)
        return newest.state, newest.attempts, newest.error or ""

    async def send() -> None:
        for target in await sender.outbox.targets():
            await sender._serve(target)

    async def fails() -> None:
        await runs.run_now("nightly")
        await carry(runs, FAILED)
        await send()

    async with mailbox() as box:
        await channels.create("ops-mail", {"url": box.apprise})
        await alerts.change("default", {"on": ["failure"], "channels": ["ops-mail"]})
        await jobs.create(a_job("nightly", schedule=BY_HAND), origin="api")

        box.answers = ["451 4.3.0 Come back later"]
        await fails()
        assert box.got == []
        waits, attempts, words = await state()
        assert (waits, attempts) == ("waiting", 1)
        assert "The server answered 451 4.3.0 Come back later." in words
        clock.turn(31)
        await send()
        assert await state() == ("sent", 2, "")
        (mail,) = box.got
        assert (mail.sender, mail.to, mail.message["Subject"]) == (
            "cron@example.org",
            ["ada@example.org"],
            "nightly failed",
        )
        assert f"ValueError: {WORDS}" in mail.text
        assert "https://cron.example.org/runs/1" in mail.text
        assert box.passwords == {"s3cret-word"}

        box.answers = ["550 5.1.1 No such user"]
        await fails()
        gone, attempts, words = await state()
        assert (gone, attempts) == ("failed", 1), "it is for good"
        assert "The server answered 550 5.1.1 No such user." in words
        assert "s3cret-word" not in words
    clock.turn(60)
    await fails()
    assert "Connection refused" in (await state())[2], "nobody is there"
