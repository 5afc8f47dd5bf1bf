"""What is told, to whom, how often, and what becomes of it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest
from receiving import Receiver
from recipes import BY_HAND, FAILED, SUCCEEDED, a_job, carry
from support import TurnedClock

from cronapp.core.alerts import Delivery
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Outcome, RunState
from cronapp.notify.sender import Sender
from cronapp.service.alerts import Alerts
from cronapp.service.channels import Channels
from cronapp.service.jobs import Jobs
from cronapp.service.outbox import Outbox
from cronapp.service.runs import Runs
from cronapp.service.watch import Watch
from cronapp.store import deliveries
from cronapp.store.store import Store


async def ends(runs: Runs, job: str, outcome: Outcome = FAILED, seconds: float = 1.5) -> int:
    """A run of the job that ends so."""
    await runs.run_now(job)
    return (await carry(runs, outcome, seconds=seconds)).id


async def told(alerts: Alerts) -> list[Delivery]:
    """All that there is in the outbox, the oldest first."""
    listed, _ = await alerts.page(limit=500)
    return listed[::-1]


async def send(sender: Sender) -> None:
    """Sends all that is due."""
    for target in await sender.outbox.targets():
        await sender._serve(target)


def events(listed: list[Delivery]) -> list[str]:
    return [one.event for one in listed]


async def test_the_rule_of_the_contract_tells_failures_and_the_recovery(
    jobs: Jobs, runs: Runs, alerts: Alerts, sender: Sender, receiver: Receiver, clock: TurnedClock
) -> None:
    rule = {"on": ["failure", "recovery"], "urls": [receiver.apprise]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, task="fail", notify=[rule]), origin="api")
    first = await ends(runs, "nightly")
    clock.turn(60)
    await ends(runs, "nightly")
    await ends(runs, "nightly", SUCCEEDED)
    await ends(runs, "nightly", SUCCEEDED)
    await send(sender)
    assert receiver.titles == ["nightly failed", "nightly failed 2 times in a row", "nightly recovered"]
    body = receiver.got[0].json["message"]
    assert "ValueError: no figures" in body
    assert f"https://cron.example.org/runs/{first}" in body
    assert "Since 2026-03-02 12:00:00 UTC." in receiver.got[1].json["message"]
    assert {one.state for one in await told(alerts)} == {"sent"}
    assert all(one.shown.startswith("json://********-") for one in await told(alerts))


async def test_only_a_run_that_failed_for_good_is_told(jobs: Jobs, runs: Runs, alerts: Alerts) -> None:
    rule = {"on": ["failure"], "urls": ["json://example.org/x"]}
    retry = {"max_attempts": 2, "delay": 0}
    await jobs.create(a_job("nightly", schedule=BY_HAND, retry=retry, notify=[rule]), origin="api")
    await runs.run_now("nightly")
    await carry(runs, FAILED)
    assert await told(alerts) == []
    await carry(runs, FAILED)
    (one,) = await told(alerts)
    assert (one.event, one.facts["attempt"], one.facts["attempts"]) == ("failure", 2, 2)


async def test_the_transaction_of_an_end_that_is_undone_tells_nothing(
    jobs: Jobs, runs: Runs, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"on": ["failure"], "urls": ["json://example.org/x"]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    await runs.run_now("nightly")
    (claimed,) = await runs.claim("node-1", 1)

    def broken(*args: object) -> None:
        raise RuntimeError("after all of it was written")

    monkeypatch.setattr("cronapp.service.endings.Concerned.note", broken)
    with pytest.raises(RuntimeError):
        await runs.finish(claimed.run, FAILED, 1.0)
    assert await told(alerts) == []
    monkeypatch.undo()
    assert await runs.finish(claimed.run, FAILED, 1.0)
    assert events(await told(alerts)) == ["failure"]


async def test_rules_for_a_tag_and_for_all_jobs_add_to_the_jobs_own(
    jobs: Jobs, runs: Runs, alerts: Alerts, channels: Channels
) -> None:
    for name in ("ops", "finance", "own"):
        await channels.create(name, {"url": f"json://example.org/{name}"})
    await alerts.change("default", {"on": ["failure"], "channels": ["ops"]})
    await alerts.add({"tag": "money", "on": ["failure", "success"], "channels": ["finance", "ops"]})
    own = {"on": ["failure"], "channels": ["own"]}
    await jobs.create(a_job("plain", schedule=BY_HAND), origin="api")
    await jobs.create(a_job("money", schedule=BY_HAND, tags=["money"], notify=[own]), origin="api")
    await jobs.create(a_job("alone", schedule=BY_HAND, tags=["money"], notify=[own | {"instead": True}]), origin="api")
    await jobs.create(a_job("mute", schedule=BY_HAND, notify=[{"on": [], "instead": True}]), origin="api")
    for job in ("plain", "money", "alone", "mute"):
        await ends(runs, job)
    await ends(runs, "money", SUCCEEDED)
    found = [(one.job, one.event, one.channel) for one in await told(alerts)]
    assert found == [
        ("plain", "failure", "ops"),
        ("money", "failure", "own"),
        *[("money", "failure", name) for name in ("ops", "finance")],
        ("alone", "failure", "own"),
        *[("money", "success", name) for name in ("finance", "ops")],
    ]


async def test_each_event_is_told_when_it_happens_and_only_then(jobs: Jobs, runs: Runs, alerts: Alerts) -> None:
    rule = {
        "on": ["slow", "fast", "no_output", "paused", "failure"],
        "failures": 2,
        "slower_than": 10,
        "faster_than": 1,
        "urls": ["json://example.org/x"],
    }
    await jobs.create(a_job("watched", schedule=BY_HAND, notify=[rule], pause_after_failures=2), origin="api")
    await ends(runs, "watched", SUCCEEDED, seconds=5)
    assert events(await told(alerts)) == []
    await ends(runs, "watched", SUCCEEDED, seconds=11)
    await ends(runs, "watched", SUCCEEDED, seconds=0.5)
    await ends(runs, "watched", Outcome(state=RunState.SUCCEEDED), seconds=5)
    await ends(runs, "watched", seconds=0.5)
    assert events(await told(alerts)) == ["slow", "fast", "no_output"]
    await ends(runs, "watched")
    assert events(await told(alerts))[3:] == ["paused", "failure"]


async def test_what_is_usual_is_learnt_before_a_run_is_called_slow(jobs: Jobs, runs: Runs, alerts: Alerts) -> None:
    rule = {"on": ["slow"], "urls": ["json://example.org/x"], "slower_by": 3}
    await jobs.create(a_job("watched", schedule=BY_HAND, notify=[rule]), origin="api")
    for seconds in (100, 10, 10, 10, 29):
        await ends(runs, "watched", SUCCEEDED, seconds=seconds)
    assert events(await told(alerts)) == []
    await ends(runs, "watched", SUCCEEDED, seconds=31)
    (one,) = await told(alerts)
    assert (one.event, one.facts["usual"], one.facts["duration"]) == ("slow", 10.0, 31.0)


async def test_what_goes_on_too_long_or_waits_too_long_is_told_once_while_it_does(
    jobs: Jobs, runs: Runs, alerts: Alerts, watch: Watch, clock: TurnedClock
) -> None:
    rule = {"on": ["slow", "late"], "slower_than": "1m", "late_after": "2m", "urls": ["json://example.org/x"]}
    await jobs.create(a_job("watched", schedule=BY_HAND, notify=[rule], overlap="allow"), origin="api")
    going = await runs.run_now("watched")
    await runs.claim("node-1", 1)
    waits = await runs.run_now("watched")
    await watch.look()
    assert await told(alerts) == []
    clock.turn(90)
    await watch.look()
    clock.turn(60)
    await watch.look()
    await watch.look()
    assert [(one.event, one.run) for one in await told(alerts)] == [("slow", going.id), ("late", waits.id)]
    assert await runs.finish((await runs.get(going.id)), SUCCEEDED, 150.0)
    assert len(await told(alerts)) == 2


async def test_slots_that_nobody_served_are_told_once(
    jobs: Jobs, runs: Runs, alerts: Alerts, clock: TurnedClock
) -> None:
    rule = {"on": ["missed"], "urls": ["json://example.org/x"]}
    made = await jobs.create(a_job("hourly", notify=[rule], misfire={"policy": "skip"}), origin="api")
    clock.turn(5 * 3600 + 60)
    await runs.settle_due([made.key])
    (one,) = await told(alerts)
    assert (one.event, one.facts["missed"], one.facts["slot"]) == ("missed", 5, "2026-03-02 17:00:00 UTC")


async def test_a_message_that_fails_is_tried_again_later_and_given_up_in_the_end(
    jobs: Jobs, runs: Runs, alerts: Alerts, sender: Sender, receiver: Receiver, clock: TurnedClock
) -> None:
    rule = {"on": ["failure"], "urls": [receiver.apprise]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    await ends(runs, "nightly")
    receiver.answers = [500]
    await send(sender)
    (one,) = await told(alerts)
    assert (one.state, one.attempts, one.due - clock()) == ("waiting", 1, timedelta(seconds=30))
    assert one.error
    assert not any(word in one.error for word in ("s3cret-word", "t0ken-of-mine", "somebody"))
    await send(sender)
    assert len(receiver.got) == 1, "not before its time"
    clock.turn(30)
    await send(sender)
    assert [one.state for one in await told(alerts)] == ["sent"]
    assert len(receiver.got) == 2

    await ends(runs, "nightly")
    receiver.answers = [503] * 50
    for _ in range(12):
        await send(sender)
        clock.turn(3600)
    assert len(receiver.got) == 2 + 8
    last = (await told(alerts))[-1]
    assert (last.state, last.attempts) == ("failed", 8)
    receiver.answers = []
    await alerts.retry(last.id)
    await send(sender)
    assert (await alerts.get(last.id)).state == "sent"
    with pytest.raises(Conflict):
        await alerts.retry(last.id)


async def test_what_a_server_was_sending_when_it_died_is_told_as_not_known_and_not_sent_again(
    jobs: Jobs, runs: Runs, alerts: Alerts, outbox: Outbox, sender: Sender, receiver: Receiver, clock: TurnedClock
) -> None:
    rule = {"on": ["failure"], "urls": [receiver.apprise]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    await ends(runs, "nightly")
    (target,) = await outbox.targets()
    assert await outbox.take(target)
    assert await outbox.take(target) is None, "two nodes do not send the same"
    await ends(runs, "nightly")
    clock.turn(60)
    await outbox.lose()
    assert [one.state for one in await told(alerts)] == ["sending", "waiting"]
    await outbox.lose(all_of_it=True)
    await send(sender)
    first, second = await told(alerts)
    assert (first.state, second.state) == ("unknown", "sent")
    assert first.error
    assert "not known" in first.error
    assert len(receiver.got) == 1
    await alerts.retry(first.id)
    await send(sender)
    assert len(receiver.got) == 2


async def test_many_things_are_told_as_one_and_no_channel_is_flooded(
    jobs: Jobs,
    runs: Runs,
    alerts: Alerts,
    channels: Channels,
    sender: Sender,
    receiver: Receiver,
    clock: TurnedClock,
) -> None:
    await channels.create("ops", {"url": receiver.apprise, "most": 2})
    await alerts.change("default", {"on": ["failure"], "channels": ["ops"]})
    for n in range(30):
        await jobs.create(a_job(f"job-{n}", schedule=BY_HAND), origin="api")
        await ends(runs, f"job-{n}")
    await send(sender)
    (one,) = receiver.got
    assert one.json["title"] == "Cron-App: 30 alerts of 30 jobs"
    assert "30 failure." in one.json["message"]
    assert "- job-0 failed: ValueError: no figures" in one.json["message"]
    assert "and 10 more." in one.json["message"]
    await ends(runs, "job-0")
    await send(sender)
    await ends(runs, "job-1")
    await ends(runs, "job-2")
    await send(sender)
    assert len(receiver.got) == 2, "no more than two within an hour"
    held = [one for one in await told(alerts) if one.state == "waiting"]
    assert {one.held for one in held} == {"2 messages within an hour"}
    clock.turn(3601)
    await send(sender)
    assert receiver.titles[2:] == ["Cron-App: 2 alerts of 2 jobs"]


async def test_quiet_hours_hold_back_what_comes_and_tell_it_as_one_afterwards(
    jobs: Jobs,
    runs: Runs,
    alerts: Alerts,
    channels: Channels,
    sender: Sender,
    receiver: Receiver,
    clock: TurnedClock,
) -> None:
    quiet = {"from": "12:30", "until": "14:00", "timezone": "Europe/Berlin"}  # the clock shows 13:00 there
    await channels.create("ops", {"url": receiver.apprise, "quiet": quiet})
    await alerts.change("default", {"on": ["failure"], "channels": ["ops"]})
    await jobs.create(a_job("nightly", schedule=BY_HAND), origin="api")
    await ends(runs, "nightly")
    await send(sender)
    clock.turn(1800)
    await ends(runs, "nightly")
    await send(sender)
    assert receiver.got == []
    clock.turn(1800)
    await send(sender)
    assert receiver.titles == ["Cron-App: 2 alerts of 1 job"]
    assert {one.state for one in await told(alerts)} == {"sent"}


async def test_a_digest_gathers_what_comes_within_its_time(
    jobs: Jobs,
    runs: Runs,
    alerts: Alerts,
    channels: Channels,
    sender: Sender,
    receiver: Receiver,
    clock: TurnedClock,
) -> None:
    await channels.create("ops", {"url": receiver.apprise, "digest": "10m"})
    await alerts.change("default", {"on": ["failure"], "channels": ["ops"]})
    await jobs.create(a_job("nightly", schedule=BY_HAND), origin="api")
    for _ in range(3):
        await ends(runs, "nightly")
        await send(sender)
        clock.turn(240)
    assert receiver.got == []
    await send(sender)
    assert receiver.titles == ["Cron-App: 3 alerts of 1 job"]
    await ends(runs, "nightly")
    await send(sender)
    clock.turn(600)
    await send(sender)
    assert receiver.titles[1:] == ["nightly failed 4 times in a row"]


async def test_somebody_is_reminded_as_long_as_a_job_fails(
    jobs: Jobs, runs: Runs, alerts: Alerts, watch: Watch, clock: TurnedClock
) -> None:
    rule = {"on": ["failure", "recovery"], "remind": "4h", "urls": ["json://example.org/x"]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    await ends(runs, "nightly")
    for _ in range(9):
        await watch.look()
        clock.turn(3600)
    assert events(await told(alerts)) == ["failure", "reminder", "reminder"]
    last = (await told(alerts))[-1]
    assert (last.facts["still"], last.facts["since"]) == ("fails", "2026-03-02 12:00:00 UTC")
    await ends(runs, "nightly", SUCCEEDED)
    clock.turn(10 * 3600)
    await watch.look()
    assert events(await told(alerts))[3:] == ["recovery"]


async def test_a_web_hook_gets_the_run_as_json_signed_so_that_a_receiver_can_refuse_replays(
    jobs: Jobs,
    runs: Runs,
    alerts: Alerts,
    channels: Channels,
    sender: Sender,
    receiver: Receiver,
    clock: TurnedClock,
) -> None:
    _, secret = await channels.create("hook", {"kind": "hook", "url": f"{receiver.web}/hooks/t0ken-of-mine"})
    assert secret
    rule = {"on": ["failure"], "channels": ["hook"]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    run = await ends(runs, "nightly")
    receiver.answers = [500]
    await send(sender)
    clock.turn(30)
    await send(sender)
    first, second = receiver.got
    ids = [one.headers["x-cronapp-delivery"] for one in receiver.got]
    assert ids[0] == ids[1], "so a receiver knows that it had it already"
    for got, moment in ((first, clock() - timedelta(seconds=30)), (second, clock())):
        stamp, signed = (part.partition("=")[2] for part in got.headers["x-cronapp-signature"].split(","))
        assert stamp == str(int(moment.timestamp()))
        expected = hmac.new(secret.encode(), f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signed, expected)
    assert (second.path, second.headers["x-cronapp-event"]) == ("/hooks/t0ken-of-mine", "failure")
    assert (second.json["event"], second.json["run"]["id"], second.json["job"]["id"]) == ("failure", run, "nightly")
    assert second.json["run"]["error"]["message"] == "no figures"
    renewed = await channels.renew_secret("hook")
    assert renewed != secret


async def test_each_thing_is_told_to_a_web_hook_for_itself(
    jobs: Jobs, runs: Runs, channels: Channels, sender: Sender, receiver: Receiver
) -> None:
    await channels.create("hook", {"kind": "hook", "url": receiver.web})
    rule = {"on": ["failure"], "channels": ["hook"]}
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    for _ in range(8):
        await ends(runs, "nightly")
    await send(sender)
    assert len(receiver.got) == 8
    for refused in ({"digest": "10m"}, {"quiet": {"from": "22:00", "until": "06:00"}}):
        with pytest.raises(InvalidInput):
            await channels.change("hook", refused)


async def test_pings_are_called_when_a_run_begins_and_ends(
    jobs: Jobs, runs: Runs, sender: Sender, receiver: Receiver
) -> None:
    ping = {"ping": f"{receiver.web}/t0ken-of-mine"}
    retry = {"max_attempts": 2, "delay": 0}
    await jobs.create(a_job("nightly", schedule=BY_HAND, retry=retry, notify=[ping]), origin="api")
    await runs.run_now("nightly")
    await carry(runs, FAILED)
    await carry(runs, FAILED)
    await ends(runs, "nightly", SUCCEEDED)
    await send(sender)
    ends_with = [path.removeprefix("/t0ken-of-mine") for path in receiver.paths]
    assert ends_with == ["/start", "/fail", "/start", ""]
    assert {one.method for one in receiver.got} == {"GET"}


async def test_pings_of_one_address_keep_their_order_when_one_of_them_fails(
    jobs: Jobs, runs: Runs, sender: Sender, receiver: Receiver, clock: TurnedClock
) -> None:
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[{"ping": f"{receiver.web}/x"}]), origin="api")
    receiver.answers = [500]
    await ends(runs, "nightly", SUCCEEDED)
    await send(sender)
    await send(sender)
    assert receiver.paths == ["/x/start"]
    clock.turn(30)
    await send(sender)
    assert receiver.paths == ["/x/start", "/x/start", "/x"]


async def test_a_channel_that_is_gone_is_told_as_the_reason(
    jobs: Jobs, runs: Runs, alerts: Alerts, channels: Channels, sender: Sender
) -> None:
    await channels.create("ops", {"url": "json://example.org/x"})
    rule = {"on": ["failure"], "channels": ["ops"]}
    made = await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[rule]), origin="api")
    assert await channels.users("ops") == ["nightly"]
    await ends(runs, "nightly")
    await channels.remove("ops")
    assert [(one.state, one.error) for one in await told(alerts)] == [("failed", "The channel was removed.")]
    await ends(runs, "nightly")
    await send(sender)
    assert (await told(alerts))[-1].state == "failed"
    await jobs.edit("nightly", {**a_job("nightly", schedule=BY_HAND, notify=[rule])}, version=made.version)
    with pytest.raises(InvalidInput) as refused:
        await jobs.create(a_job("other", schedule=BY_HAND, notify=[rule]), origin="api")
    assert list(refused.value.errors) == ["notify.0.channels.0"]


async def test_the_addresses_of_the_settings_get_what_the_rule_for_all_jobs_tells(
    store: Store, jobs: Jobs, runs: Runs, alerts: Alerts, channels: Channels, sender: Sender, receiver: Receiver
) -> None:
    sender.outbox.urls = (receiver.apprise,)
    await channels.settle_settings([receiver.apprise, "json://example.org/second"])
    await channels.settle_settings([receiver.apprise])
    assert [one.name for one in await channels.all()] == ["settings-1"]
    with pytest.raises(Conflict):
        await channels.remove("settings-1")
    await jobs.create(a_job("nightly", schedule=BY_HAND), origin="api")
    await ends(runs, "nightly")
    await send(sender)
    assert receiver.titles == ["nightly failed"]
    assert "s3cret-word" not in repr(await channels.all())


async def test_a_test_is_sent_at_once_and_its_answer_is_told(
    channels: Channels, sender: Sender, receiver: Receiver
) -> None:
    await channels.create("ops", {"url": receiver.apprise})
    (sent,) = await sender.test(["ops"], [], "ada")
    assert (sent.state, sent.error) == ("sent", None)
    assert receiver.titles == ["Cron-App: a test"]
    receiver.answers = [500]
    (failed,) = await sender.test(["ops"], [], "ada")
    assert failed.state == "failed"
    assert failed.error
    (gone,) = await sender.test(["nobody"], [], "ada")
    assert gone.state == "failed"


async def test_old_deliveries_are_deleted_and_those_that_wait_stay(
    store: Store, jobs: Jobs, runs: Runs, alerts: Alerts, sender: Sender, receiver: Receiver, clock: TurnedClock
) -> None:
    await jobs.create(
        a_job("nightly", schedule=BY_HAND, notify=[{"on": ["failure"], "urls": [receiver.apprise]}]), origin="api"
    )
    await ends(runs, "nightly")
    await send(sender)
    await ends(runs, "nightly")
    clock.turn(91 * 86400)
    assert await alerts.prune(keep_days=90) == 1
    assert [one.state for one in await told(alerts)] == ["waiting"]
    assert await store.read(deliveries.next_due) is not None
