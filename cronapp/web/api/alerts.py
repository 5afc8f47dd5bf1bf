"""/channels, /alerts and /deliveries: where messages go, who is told what, and what became of it. No answer has an
address in it."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.alert_words import general_words
from cronapp.core.alerts import Delivery, DeliveryState, GeneralRule
from cronapp.core.channels import Channel, quiet_json
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.spec import rule_to_json
from cronapp.web.alerting import test_channel, test_job, test_rule
from cronapp.web.api.asked import body, limit, number
from cronapp.web.api.told import at, items
from cronapp.web.site import parts

api = Blueprint("alerts", __name__)


# -- channels -------------------------------------------------------------------------------------------------------


@api.get("/channels")
async def channels() -> Json:
    """Named addresses, of which only a mask is told."""
    counts = await parts().channels.counts()
    return items([channel_json(one) | {"jobs": counts.get(one.name, 0)} for one in await parts().channels.all()])


@api.post("/channels")
async def add_channel() -> ResponseReturnValue:
    """A new channel. That of a web hook is answered with its secret, which is told this once."""
    data = await body()
    name = data.pop("name", None)
    if not isinstance(name, str):
        raise InvalidInput.of("name", "Give the channel a name, such as ops-mail.")
    made, secret = await parts().channels.create(name, data)
    return with_secret(made, secret), 201, {"Location": f"/api/v1/channels/{made.name}"}


@api.get("/channels/<name>")
async def channel(name: str) -> Json:
    """One channel, and the first jobs whose own rules name it."""
    return {**channel_json(await parts().channels.get(name)), "used_by": await parts().channels.users(name)}


@api.put("/channels/<name>")
async def change_channel(name: str) -> Json:
    """Other rules for it; without `url` it keeps its address."""
    sent = {key: value for key, value in (await body()).items() if key not in ("name", "jobs", "used_by", "at", "by")}
    return with_secret(*await parts().channels.change(name, sent))


@api.delete("/channels/<name>")
async def remove_channel(name: str) -> ResponseReturnValue:
    """What waits for it is not sent any more."""
    await parts().channels.remove(name)
    return "", 204


@api.post("/channels/<name>/secret")
async def renew_secret(name: str) -> Json:
    """Another secret for a web hook, which is told this once."""
    return {"name": name, "secret": await parts().channels.renew_secret(name)}


@api.post("/channels/<name>/test")
async def try_channel(name: str) -> Json:
    """Sends a test at once, and answers what became of it."""
    return items([delivery_json(one) for one in await test_channel(name)])


def channel_json(one: Channel) -> Json:
    return {
        "name": one.name,
        "kind": one.kind,
        "url": one.shown,
        "quiet": quiet_json(one.quiet),
        "digest": one.digest,
        "most": one.most,
        "at": at(one.at),
        "by": one.by,
    }


def with_secret(one: Channel, secret: str | None) -> Json:
    return channel_json(one) | ({"secret": secret} if secret else {})


# -- rules ----------------------------------------------------------------------------------------------------------


@api.get("/alerts")
async def rules() -> Json:
    """The rules for all jobs, and for those with a tag."""
    return items([general_json(one) for one in await parts().alerts.rules()])


@api.post("/alerts")
async def add_rule() -> ResponseReturnValue:
    made = await parts().alerts.add(await body())
    return general_json(made), 201, {"Location": f"/api/v1/alerts/{made.id}"}


@api.get("/alerts/<rule_id>")
async def rule(rule_id: str) -> Json:
    return general_json(await parts().alerts.rule(rule_id))


@api.put("/alerts/<rule_id>")
async def change_rule(rule_id: str) -> Json:
    """`default` is the rule for all jobs that is always there."""
    read_only = ("id", "words", "settings", "at", "by")
    sent = {key: value for key, value in (await body()).items() if key not in read_only}
    return general_json(await parts().alerts.change(rule_id, sent))


@api.delete("/alerts/<rule_id>")
async def remove_rule(rule_id: str) -> ResponseReturnValue:
    await parts().alerts.remove(rule_id)
    return "", 204


@api.post("/alerts/<rule_id>/test")
async def try_rule(rule_id: str) -> Json:
    """Sends a test to each of its channels at once, and answers what became of it."""
    return items([delivery_json(one) for one in await test_rule(rule_id)])


@api.post("/jobs/<job_id>/notify/test")
async def try_job(job_id: str) -> Json:
    """The same for whom the job's own rules name."""
    return items([delivery_json(one) for one in await test_job(job_id)])


def general_json(one: GeneralRule) -> Json:
    return {
        "id": one.id,
        "tag": one.tag or None,
        **rule_to_json(one.rule),
        "settings": list(one.settings),
        "words": general_words(one),
        "at": at(one.at),
        "by": one.by,
    }


# -- deliveries -----------------------------------------------------------------------------------------------------


@api.get("/deliveries")
async def deliveries() -> Json:
    """What was told, the newest first; of the jobs that who asks may see."""
    asked = {name: request.args.get(name, "").strip() for name in ("job", "channel", "state", "event")}
    if asked["state"] and asked["state"] not in list(DeliveryState):
        raise InvalidInput.of("state", f"One of {', '.join(DeliveryState)} is expected.")
    listed, following = await parts().alerts.page(**asked, before=number("cursor"), limit=limit())
    return items([delivery_json(one) for one in listed], following)


@api.get("/deliveries/<int:delivery_id>")
async def delivery(delivery_id: int) -> Json:
    return delivery_json(await parts().alerts.get(delivery_id))


@api.post("/deliveries/<int:delivery_id>/retry")
async def retry(delivery_id: int) -> ResponseReturnValue:
    """Sends once more what was given up, or what is not known to have arrived."""
    return delivery_json(await parts().alerts.retry(delivery_id)), 202


def delivery_json(one: Delivery) -> Json:
    told: dict[str, Any] = {
        "id": one.id,
        "at": at(one.at),
        "kind": one.kind,
        "event": one.event,
        "job": one.job,
        "run": one.run,
        "channel": one.channel,
        "to": one.shown,
        "state": one.state,
        "held": one.held,
        "due": at(one.due) if one.state == DeliveryState.WAITING else None,
        "attempts": one.attempts,
        "sent_at": at(one.claimed_at),
        "ended_at": at(one.ended_at),
        "error": one.error,
        "facts": one.facts,
    }
    return told
