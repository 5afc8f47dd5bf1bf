"""Settings, Alerts: channels and rules; the list of what was told; and a test of any of them."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.alert_words import EVENT_LABELS
from cronapp.core.alerts import DEFAULT, Delivery, GeneralRule
from cronapp.core.channels import USUAL_MOST, Channel
from cronapp.core.durations import duration_text
from cronapp.core.errors import InvalidInput, NoSecretKey
from cronapp.core.models import Json
from cronapp.core.zones import zone_names
from cronapp.web.alerting import test_channel, test_job, test_rule, told
from cronapp.web.notify_form import NAMES, TICKS, said, texts_of
from cronapp.web.render import toast
from cronapp.web.settings import part
from cronapp.web.shell import answered, ask, done, show
from cronapp.web.site import parts
from cronapp.web.views.alerts import alerts_context, deliveries_context

pages = Blueprint("alerts", __name__)
PLACE = "/settings/alerts"
LIST = "/deliveries"
KINDS = (("apprise", "Apprise: mail, Slack, Teams, Telegram, ntfy …"), ("hook", "Web hook: signed JSON"))
Texts = Mapping[str, str]


@pages.get(PLACE)
async def index() -> str:
    return await part("alerts", await alerts_context(parts()))


# -- channels -------------------------------------------------------------------------------------------------------


@pages.get(f"{PLACE}/channels/new")
async def ask_channel() -> ResponseReturnValue:
    return await asked_channel(None, {"kind": "apprise", "most": str(USUAL_MOST), "timezone": parts().timezone})


@pages.post(f"{PLACE}/channels")
async def add_channel() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    name = texts.get("name", "").strip()
    try:
        made, secret = await parts().channels.create(name, channel_from(texts))
    except InvalidInput as error:
        return await asked_channel(None, texts, error.errors, error.status)
    except NoSecretKey as error:
        return await asked_channel(None, texts, {"url": str(error)}, error.status)
    if secret:
        return await told_secret(made.name, secret)
    return done(PLACE, answered(), toast(f"The channel {made.name} is there. Send it a test, and name it in a rule."))


@pages.get(f"{PLACE}/channels/<name>/edit")
async def ask_change_channel(name: str) -> ResponseReturnValue:
    one = await parts().channels.get(name)
    return await asked_channel(one, channel_texts(one))


@pages.post(f"{PLACE}/channels/<name>/edit")
async def change_channel(name: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    one = await parts().channels.get(name)
    try:
        changed, secret = await parts().channels.change(name, channel_from(texts))
    except InvalidInput as error:
        return await asked_channel(one, texts, error.errors, error.status)
    if secret:
        return await told_secret(changed.name, secret)
    return done(PLACE, answered(), toast(f"The channel {name} is changed."))


@pages.get(f"{PLACE}/channels/<name>/remove")
async def ask_remove_channel(name: str) -> ResponseReturnValue:
    one = await parts().channels.get(name)
    count = (await parts().channels.counts()).get(name, 0)
    rules = [rule for rule in await parts().alerts.rules() if name in rule.rule.channels]
    title = f"Remove the channel {name}?"
    jobs = await parts().channels.users(name)
    return await ask(
        "_ask_unchannel", nav="settings", title=title, channel=one, count=count, jobs=jobs, rules=len(rules)
    )


@pages.post(f"{PLACE}/channels/<name>/remove")
async def remove_channel(name: str) -> ResponseReturnValue:
    await parts().channels.remove(name)
    return done(PLACE, answered(), toast(f"The channel {name} is removed."))


@pages.get(f"{PLACE}/channels/<name>/secret")
async def ask_secret(name: str) -> ResponseReturnValue:
    one = await parts().channels.get(name)
    return await ask("_ask_channel_secret", nav="settings", title=f"Make a new secret for {name}?", channel=one)


@pages.post(f"{PLACE}/channels/<name>/secret")
async def renew_secret(name: str) -> ResponseReturnValue:
    return await told_secret(name, await parts().channels.renew_secret(name))


@pages.post(f"{PLACE}/channels/<name>/test")
async def try_channel(name: str) -> ResponseReturnValue:
    return tested(PLACE, await test_channel(name))


async def told_secret(name: str, secret: str) -> ResponseReturnValue:
    return await ask("_channel_made", nav="settings", title=f"The secret of {name}", secret=secret)


async def asked_channel(
    one: Channel | None, values: Texts, errors: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    """The address is never given back."""
    title = f"The channel {one.name}" if one else "Add a channel"
    told_values = {name: text for name, text in values.items() if name != "url"}
    return await ask(
        "_ask_channel",
        nav="settings",
        title=title,
        status=status,
        channel=one,
        values={**told_values, "url": ""},
        errors=errors or {},
        kinds=KINDS,
        zones=zone_names(),
    )


def channel_from(texts: Texts) -> Json:
    data: Json = {"kind": texts.get("kind", "apprise")}
    for name in ("url", "digest", "most"):
        if text := texts.get(name, "").strip():
            data[name] = int(text) if name == "most" and text.isdecimal() else text
    start, end = (texts.get(f"quiet.{name}", "").strip() for name in ("from", "until"))
    if data["kind"] == "hook":
        return {name: value for name, value in data.items() if name in ("kind", "url")}
    if start or end:
        data["quiet"] = {"from": start, "until": end, "timezone": texts.get("quiet.timezone", "").strip() or "UTC"}
    return data


def channel_texts(one: Channel) -> dict[str, str]:
    quiet = one.quiet
    return {
        "kind": one.kind,
        "quiet.from": quiet.start if quiet else "",
        "quiet.until": quiet.end if quiet else "",
        "quiet.timezone": quiet.timezone if quiet else "",
        "digest": duration_text(one.digest) if one.digest else "",
        "most": str(one.most),
    }


# -- rules ----------------------------------------------------------------------------------------------------------


@pages.get(f"{PLACE}/rules/new")
async def ask_rule() -> ResponseReturnValue:
    return await asked_rule(None, {"notify.on.failure": "on", "notify.on.recovery": "on"})


@pages.post(f"{PLACE}/rules")
async def add_rule() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        await parts().alerts.add(rule_from(texts))
    except InvalidInput as error:
        return await asked_rule(None, texts, error.errors, error.status)
    return done(PLACE, answered(), toast("The rule holds from now on."))


@pages.get(f"{PLACE}/rules/<rule_id>/edit")
async def ask_change_rule(rule_id: str) -> ResponseReturnValue:
    one = await parts().alerts.rule(rule_id)
    return await asked_rule(one, {"tag": one.tag, **texts_of(one.rule)})


@pages.post(f"{PLACE}/rules/<rule_id>/edit")
async def change_rule(rule_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    one = await parts().alerts.rule(rule_id)
    try:
        await parts().alerts.change(rule_id, rule_from(texts))
    except InvalidInput as error:
        return await asked_rule(one, texts, error.errors, error.status)
    return done(PLACE, answered(), toast("The rule holds from now on."))


@pages.get(f"{PLACE}/rules/<rule_id>/remove")
async def ask_remove_rule(rule_id: str) -> ResponseReturnValue:
    one = await parts().alerts.rule(rule_id)
    return await ask("_ask_unrule", nav="settings", title="Remove this rule?", rule=one)


@pages.post(f"{PLACE}/rules/<rule_id>/remove")
async def remove_rule(rule_id: str) -> ResponseReturnValue:
    await parts().alerts.remove(rule_id)
    return done(PLACE, answered(), toast("The rule is removed."))


@pages.post(f"{PLACE}/rules/<rule_id>/test")
async def try_rule(rule_id: str) -> ResponseReturnValue:
    return tested(PLACE, await test_rule(rule_id))


async def asked_rule(
    one: GeneralRule | None, values: Texts, errors: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    default = one is not None and one.id == DEFAULT
    title = "The rule for all jobs" if default else "Change this rule" if one else "Add a rule"
    wrong = {
        ("tag" if name == "tag" else f"notify.{name.split('.')[0]}"): text for name, text in (errors or {}).items()
    }
    blank = {f"notify.{name}": "" for name in (*NAMES, *TICKS)} | {"tag": ""}
    return await ask(
        "_ask_rule",
        nav="settings",
        title=title,
        status=status,
        rule=one,
        default=default,
        values={**blank, **values},
        errors=wrong,
        events=EVENT_LABELS,
        channels=await parts().channels.names(),
        tags=await tags_of_jobs(),
    )


async def tags_of_jobs() -> list[str]:
    return [tag for tag, _ in (await parts().jobs.offers())["tag"]]


def rule_from(texts: Texts) -> Json:
    return {**said(texts), "tag": texts.get("tag", "").strip()}


# -- what was told --------------------------------------------------------------------------------------------------


@pages.get(LIST)
async def deliveries() -> str:
    context = await deliveries_context(parts(), request.args.to_dict())
    return await show("deliveries", nav="settings", topic="deliveries", **context)


@pages.post(f"{LIST}/<int:delivery_id>/retry")
async def retry(delivery_id: int) -> ResponseReturnValue:
    one = await parts().alerts.retry(delivery_id)
    return done(LIST, toast(f"It is sent to {one.shown} once more."))


@pages.post("/jobs/<job_id>/notify/test")
async def try_job(job_id: str) -> ResponseReturnValue:
    return tested(f"/jobs/{job_id}/configuration", await test_job(job_id))


def tested(address: str, found: list[Delivery]) -> ResponseReturnValue:
    words, good = told(found)
    return done(address, toast(words, tone="ok" if good else "bad"))
