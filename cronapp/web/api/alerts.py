"""/channels, /alerts and /deliveries: where messages go, who is told what, and what became of it. No answer has an
address in it."""

from __future__ import annotations

from collections.abc import Iterable

from quart import request

from cronapp import wire
from cronapp.core.alert_words import general_words
from cronapp.core.alerts import Delivery, DeliveryState, GeneralRule
from cronapp.core.channels import Channel, Quiet
from cronapp.core.errors import ChannelNotFound, Conflict, InvalidInput, JobNotFound
from cronapp.core.spec import rule_to_json
from cronapp.web.alerting import test_channel, test_job, test_rule
from cronapp.web.api.asked import CURSOR, DRY_RUN, LIMIT, body, limit, number
from cronapp.web.api.told import items
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import Accepted, Created, Done
from cronapp.web.site import parts

api = Part("alerts", __name__, "Alerts")
FILTERS = (
    Param("job", "Of this job."),
    Param("channel", "To this channel."),
    Param("state", "How far it is.", DeliveryState),
    Param("event", "What was told, as `failure`."),
)


# -- channels -------------------------------------------------------------------------------------------------------


@api.get("/channels")
async def channels() -> wire.Items[wire.Channel]:
    """The channels: named addresses, of which only a mask is told."""
    counts = await parts().channels.counts()
    listed = [channel_told(one, jobs=counts.get(one.name, 0)) for one in await parts().channels.all()]
    return items(wire.Channel, listed)


@api.post("/channels", takes=wire.ChannelAsked, refuses=(Conflict,))
async def add_channel() -> Created[wire.Channel]:
    """Make a channel. That of a web hook is answered with its secret, which is told this once."""
    data = await body()
    name = data.pop("name", None)
    if not isinstance(name, str):
        raise InvalidInput.of("name", "Give the channel a name, such as ops-mail.")
    made, secret = await parts().channels.create(name, data)
    return Created(with_secret(made, secret), f"/api/v1/channels/{made.name}")


@api.get("/channels/<name>", refuses=(ChannelNotFound,))
async def channel(name: str) -> wire.Channel:
    """One channel, and the first jobs whose own rules name it."""
    return channel_told(await parts().channels.get(name), used_by=await parts().channels.users(name))


@api.put("/channels/<name>", takes=wire.ChannelChange, params=(DRY_RUN,), refuses=(ChannelNotFound, Conflict))
async def change_channel(name: str) -> wire.Channel:
    """Other rules for a channel; without `url` it keeps its address."""
    sent = {key: value for key, value in (await body()).items() if key not in ("name", "jobs", "used_by", "at", "by")}
    if request.args.get("dry_run", "") in ("1", "true"):
        return channel_told(await parts().channels.would_be(name, sent))
    return with_secret(*await parts().channels.change(name, sent))


@api.delete("/channels/<name>", refuses=(ChannelNotFound, Conflict))
async def remove_channel(name: str) -> Done:
    """Remove a channel. What waits for it is not sent any more."""
    await parts().channels.remove(name)
    return Done()


@api.post("/channels/<name>/secret", refuses=(ChannelNotFound, Conflict))
async def renew_secret(name: str) -> wire.ChannelSecret:
    """Make another secret for a web hook, which is told this once."""
    return wire.ChannelSecret(name=name, secret=await parts().channels.renew_secret(name))


@api.post("/channels/<name>/test", refuses=(ChannelNotFound,))
async def try_channel(name: str) -> wire.Items[wire.Delivery]:
    """Send a test at once, and tell what became of it."""
    return tried(await test_channel(name))


def channel_told(one: Channel, **more: object) -> wire.Channel:
    return wire.Channel.model_validate(
        {
            "name": one.name,
            "kind": one.kind,
            "url": one.shown,
            "quiet": quiet_told(one.quiet) if one.quiet else None,
            "digest": one.digest,
            "most": one.most,
            "at": one.at,
            "by": one.by,
            **more,
        }
    )


def quiet_told(quiet: Quiet) -> wire.Quiet:
    return wire.Quiet(start=quiet.start, until=quiet.end, timezone=quiet.timezone)


def with_secret(one: Channel, secret: str | None) -> wire.Channel:
    return channel_told(one, secret=secret) if secret else channel_told(one)


# -- rules ----------------------------------------------------------------------------------------------------------


@api.get("/alerts")
async def rules() -> wire.Items[wire.AlertRule]:
    """The rules for all jobs, and for those with a tag."""
    return items(wire.AlertRule, [rule_told(one) for one in await parts().alerts.rules()])


@api.post("/alerts", takes=wire.RuleAsked)
async def add_rule() -> Created[wire.AlertRule]:
    """Make a rule."""
    made = await parts().alerts.add(await body())
    return Created(rule_told(made), f"/api/v1/alerts/{made.id}")


@api.get("/alerts/<rule_id>")
async def rule(rule_id: str) -> wire.AlertRule:
    """One rule."""
    return rule_told(await parts().alerts.rule(rule_id))


@api.put("/alerts/<rule_id>", takes=wire.RuleChange)
async def change_rule(rule_id: str) -> wire.AlertRule:
    """Put another rule in its place. `default` is the rule for all jobs that is always there."""
    read_only = ("id", "words", "settings", "at", "by")
    sent = {key: value for key, value in (await body()).items() if key not in read_only}
    return rule_told(await parts().alerts.change(rule_id, sent))


@api.delete("/alerts/<rule_id>", refuses=(Conflict,))
async def remove_rule(rule_id: str) -> Done:
    """Remove a rule."""
    await parts().alerts.remove(rule_id)
    return Done()


@api.post("/alerts/<rule_id>/test", refuses=(Conflict,))
async def try_rule(rule_id: str) -> wire.Items[wire.Delivery]:
    """Send a test to each of a rule's channels at once, and tell what became of it."""
    return tried(await test_rule(rule_id))


@api.post("/jobs/<job_id>/notify/test", refuses=(Conflict,))
async def try_job(job_id: str) -> wire.Items[wire.Delivery]:
    """Send a test to whom a job's own rules name, and tell what became of it."""
    return tried(await test_job(job_id))


def rule_told(one: GeneralRule) -> wire.AlertRule:
    return wire.AlertRule.model_validate(
        {
            "id": one.id,
            "tag": one.tag or None,
            **rule_to_json(one.rule),
            "settings": list(one.settings),
            "words": general_words(one),
            "at": one.at,
            "by": one.by,
        }
    )


# -- deliveries -----------------------------------------------------------------------------------------------------


@api.get("/deliveries", params=(*FILTERS, CURSOR, LIMIT), refuses=(JobNotFound,))
async def deliveries() -> wire.Items[wire.Delivery]:
    """What was told, the newest first; of the jobs that who asks may see."""
    asked = {name: request.args.get(name, "").strip() for name in ("job", "channel", "state", "event")}
    if asked["state"] and asked["state"] not in list(DeliveryState):
        raise InvalidInput.of("state", f"One of {', '.join(DeliveryState)} is expected.")
    listed, following = await parts().alerts.page(**asked, before=number("cursor"), limit=limit())
    return items(wire.Delivery, map(delivery_told, listed), following)


@api.get("/deliveries/<int:delivery_id>")
async def delivery(delivery_id: int) -> wire.Delivery:
    """One thing that was told."""
    return delivery_told(await parts().alerts.get(delivery_id))


@api.post("/deliveries/<int:delivery_id>/retry", refuses=(Conflict,))
async def retry(delivery_id: int) -> Accepted[wire.Delivery]:
    """Send once more what was given up, or what is not known to have arrived."""
    return Accepted(delivery_told(await parts().alerts.retry(delivery_id)))


def tried(told: Iterable[Delivery]) -> wire.Items[wire.Delivery]:
    return items(wire.Delivery, map(delivery_told, told))


def delivery_told(one: Delivery) -> wire.Delivery:
    return wire.Delivery(
        id=one.id,
        at=one.at,
        kind=one.kind,
        event=one.event,
        job=one.job,
        run=one.run,
        channel=one.channel,
        to=one.shown,
        state=one.state,
        held=one.held,
        due=one.due if one.state == DeliveryState.WAITING else None,
        attempts=one.attempts,
        sent_at=one.claimed_at,
        ended_at=one.ended_at,
        error=one.error,
        facts=one.facts,
    )
