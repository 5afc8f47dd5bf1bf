"""Channels, rules and deliveries by the API and on pages; and that no address is seen anywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from receiving import Receiver, receiving
from support import until
from teams import visitor
from visiting import EVIL, Api, Page, put_run, settings_in, signed_in

from cronapp.app import App
from cronapp.core.access import Role
from cronapp.core.models import RunError, RunState

SECRETS = ("s3cret-word", "t0ken-of-mine", "somebody:")
FORM = {"task": "hello", "args.times": "1", "schedule.kind": "manual"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as here:
        yield here


@pytest.fixture
async def telling(tmp_path: Path, receiver: Receiver) -> AsyncIterator[App]:
    """An app that may call this machine, with one address in its settings."""
    settings = settings_in(tmp_path).model_copy(update={"allow_private_hooks": True})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


async def failed(app: App, job: str) -> int:
    return (await put_run(app, await app.jobs.get(job), RunState.FAILED)).id


async def ended(api: Api, query: str = "") -> list[dict[str, object]]:
    """The deliveries, when none of them waits any more."""

    async def look() -> list[dict[str, object]] | None:
        items: list[dict[str, object]] = (await api.json("GET", f"/deliveries{query}"))["items"]
        return items if items and all(one["state"] not in ("waiting", "sending") for one in items) else None

    return await until(look)


async def test_channels_rules_and_deliveries_by_the_api(telling: App, receiver: Receiver) -> None:
    api = Api(telling)
    made = await api.json("POST", "/channels", 201, json={"name": "ops", "url": receiver.apprise, "most": 5})
    assert made["url"].startswith("json://********-")
    hook = await api.json("POST", "/channels", 201, json={"name": "hook", "kind": "hook", "url": receiver.web})
    assert hook["secret"].startswith("whsec_")
    assert "secret" not in await api.json("GET", "/channels/hook")
    listed = await api.json("GET", "/channels")
    assert [(one["name"], one["jobs"]) for one in listed["items"]] == [("hook", 0), ("ops", 0)]
    changed = await api.json("PUT", "/channels/ops", json={**made, "digest": "0", "most": 7})
    assert (changed["most"], changed["url"]) == (7, made["url"])
    refused = await api.json("PUT", "/channels/ops", 422, json={"url": "nonsense://x"})
    assert list(refused["errors"]) == ["url"]

    rule = await api.json("PUT", "/alerts/default", json={"on": ["failure"], "channels": ["ops"]})
    assert (rule["tag"], rule["words"]) == (None, "tells ops when a run fails for good")
    other = await api.json("POST", "/alerts", 201, json={"tag": "money", "on": ["failure"], "channels": ["hook"]})
    wrong = await api.json("PUT", f"/alerts/{other['id']}", 422, json={"on": ["failure"], "channels": ["nobody"]})
    assert list(wrong["errors"]) == ["channels.0"]
    assert (await api("DELETE", "/alerts/default")).status_code == 409

    await api.make("nightly", tags=["money"])
    run = await failed(telling, "nightly")
    told = await ended(api)
    assert {(one["channel"], one["state"], one["run"]) for one in told} == {
        ("ops", "sent", run),
        ("hook", "sent", run),
    }
    assert await ended(api, "?channel=ops&state=sent&event=failure&job=nightly")
    assert (await api.json("GET", "/deliveries?channel=hook&event=success"))["items"] == []
    one = await api.json("GET", f"/deliveries/{told[0]['id']}")
    assert one["facts"]["error"] == "ValueError: no"
    assert (await api("POST", f"/deliveries/{told[0]['id']}/retry")).status_code == 409

    (tried,) = (await api.json("POST", "/channels/ops/test"))["items"]
    assert (tried["event"], tried["state"]) == ("test", "sent")
    assert len((await api.json("POST", f"/alerts/{other['id']}/test"))["items"]) == 1
    assert (await api("POST", "/jobs/nightly/notify/test")).status_code == 409
    assert (await api("DELETE", "/channels/hook")).status_code == 204
    assert (await api("DELETE", f"/alerts/{other['id']}")).status_code == 204


async def test_no_address_is_seen_on_a_page_in_an_answer_in_the_database_or_in_the_log(
    telling: App, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    api, client = Api(telling), await signed_in(telling)
    ping = f"{receiver.web}/t0ken-of-mine"
    rules = [{"on": ["failure"], "urls": [receiver.apprise]}, {"ping": ping}]
    made = await api.make("nightly", notify=rules)
    await api.json("POST", "/channels", 201, json={"name": "ops", "url": receiver.apprise})
    receiver.answers = [500, 500, 500]
    await failed(telling, "nightly")
    assert (await api.json("POST", "/channels/ops/test"))["items"]
    assert await until(lambda: len(receiver.got) >= 3)
    back = await api.json("PUT", "/jobs/nightly", json={**made, "priority": 4})
    assert back["notify"] == made["notify"]
    pages: tuple[str, ...] = (
        "/jobs/nightly",
        "/jobs/nightly/configuration",
        "/jobs/nightly/edit",
        "/jobs/nightly/history",
        "/deliveries",
    )
    out, err = capfd.readouterr()
    seen = {"made": json.dumps(made), "log": caplog.text, "stdout": out, "stderr": err}
    pages += ("/settings/alerts", "/settings/audit", "/settings/alerts/channels/ops/edit", "/jobs")
    seen |= {path: await (await client.get(path)).get_data(as_text=True) for path in pages}
    asked = ("/jobs/nightly", "/deliveries", "/channels", "/audit", "/jobs/nightly/changes")
    seen |= {f"/api/v1{path}": json.dumps(await api.json("GET", path)) for path in asked}
    folder = Path(telling.settings.database.removeprefix("sqlite:///")).parent
    files = [path for path in folder.glob("cronapp.db*") if path.suffix != ".key"]
    seen |= {path.name: path.read_bytes().decode("latin-1") for path in files}
    assert [(place, secret) for secret in SECRETS for place, text in seen.items() if secret in text] == []
    assert all("********-" in seen[place] for place in ("made", "/jobs/nightly/edit", "/api/v1/channels"))


async def test_who_is_limited_sees_what_was_told_of_their_jobs_and_no_channel(telling: App, receiver: Receiver) -> None:
    api = Api(telling)
    await api.json("POST", "/channels", 201, json={"name": "ops", "url": receiver.apprise})
    await api.json("PUT", "/alerts/default", json={"on": ["failure"], "channels": ["ops"]})
    for team in ("ours", "theirs"):
        await api.make(f"{team}-job", tags=[team])
        await failed(telling, f"{team}-job")
    told = {one["job"]: one["id"] for one in await ended(api)}
    assert len(told) == 2
    limited = await visitor(telling, Role.EDITOR, tags=["ours"])
    page = await (await limited.get("/deliveries")).get_data(as_text=True)
    assert "ours-job" in page
    assert "theirs-job" not in page
    assert (await limited.post(f"/deliveries/{told['theirs-job']}/retry")).status_code == 404
    assert (await limited.get("/settings/alerts")).status_code == 403
    assert (await limited.get("/api/v1/channels")).status_code == 403
    form = await (await limited.get("/jobs/ours-job/edit")).get_data(as_text=True)
    assert "ops" in form, "a channel may be named by whoever edits"
    assert "json://" not in form


async def test_what_others_wrote_is_told_as_plain_text(telling: App, receiver: Receiver) -> None:
    api, client = Api(telling), await signed_in(telling)
    await api.make("nightly", notify=[{"on": ["failure"], "urls": [receiver.apprise]}])
    error = RunError("ValueError", EVIL, "Traceback")
    await put_run(telling, await telling.jobs.get("nightly"), RunState.FAILED, error=error)
    await ended(api)
    assert EVIL in receiver.got[0].json["message"]
    for path in ("/deliveries", "/settings/alerts", "/jobs/nightly/configuration"):
        page = await (await client.get(path)).get_data(as_text=True)
        assert "alert(1)" in page
        assert "<script>alert" not in page


async def test_a_job_says_in_its_form_who_is_told(telling: App, receiver: Receiver) -> None:
    client, api = await signed_in(telling), Api(telling)
    await api.json("POST", "/channels", 201, json={"name": "ops", "url": receiver.apprise})
    typed = {
        **FORM,
        "id": "nightly",
        "notify.channels": "ops",
        "notify.urls": receiver.apprise,
        "notify.on.failure": "on",
        "notify.on.slow": "on",
        "notify.failures": "3",
        "notify.remind": "4h",
        "notify.ping": f"{receiver.web}/ping",
    }
    reply = await client.post("/jobs", form={**typed, "notify.channels": "nobody"})
    assert reply.status_code == 422
    assert "There is no channel" in await reply.get_data(as_text=True)
    assert (await client.post("/jobs", form=typed)).status_code == 303
    spec = (await telling.jobs.get("nightly")).spec
    rule, ping = spec.notify
    assert (rule.on, rule.channels, rule.failures, rule.remind) == (("failure", "slow"), ("ops",), 3, 14400)
    assert ping.ping

    page = Page(await (await client.get("/jobs/nightly/edit")).get_data(as_text=True))
    assert page.one("input", name="notify.channels").attrs["value"] == "ops"
    assert "checked" in page.one("input", name="notify.on.slow").attrs
    assert "checked" not in page.one("input", name="notify.on.success").attrs
    shown = {
        "notify.urls": page.one("textarea", name="notify.urls").text.strip(),
        "notify.ping": page.one("input", name="notify.ping").attrs["value"],
    }
    assert all("********-" in text for text in shown.values())
    edit = {**typed, **shown, "version": "1", "notify.failures": "2"}
    assert (await client.post("/jobs/nightly/edit", form=edit)).status_code == 303
    changed = (await telling.jobs.get("nightly")).spec.notify
    assert (changed[0].failures, changed[0].urls, changed[1]) == (2, rule.urls, ping)
    history = await (await client.get("/jobs/nightly/history")).get_data(as_text=True)
    assert "who is told" in history
    none = {name: text for name, text in edit.items() if not name.startswith("notify")} | {"version": "2"}
    assert (await client.post("/jobs/nightly/edit", form=none)).status_code == 303
    assert (await telling.jobs.get("nightly")).spec.notify == ()


async def test_the_form_has_a_row_for_each_rule_and_ping_and_keeps_what_nobody_touched(telling: App) -> None:
    client, api = await signed_in(telling), Api(telling)
    first = {"on": ["failure"], "urls": ["json://example.org/a"], "ping": {"start": "https://example.org/begins"}}
    rules = [
        first,
        {"on": ["success"], "urls": ["json://example.org/b"], "instead": True, "slower_by": 2.0000001},
        {"ping": "https://example.org/p"},
    ]
    await api.make("nightly", notify=rules)
    old = (await telling.jobs.get("nightly")).spec.notify

    async def edit(page: Page, status: int = 303, **changed: str) -> Page:
        form = {**FORM, **fields_of(page), **changed}
        reply = await client.post("/jobs/nightly/edit", form=form)
        assert reply.status_code == status
        return Page(await reply.get_data(as_text=True))

    async def opened() -> Page:
        return Page(await (await client.get("/jobs/nightly/edit")).get_data(as_text=True))

    await edit(await opened(), description="looked at")
    assert (await telling.jobs.get("nightly")).spec.notify == old, "not even their order"

    page = await edit(await opened(), 200, then="tell")
    fresh = {"notify.2.urls": "json://example.org/c", "notify.2.on.late": "on"}
    wrong = await edit(page, 422, **fresh, **{"notify.2.late_after": "soon"})
    assert "aria-invalid" in wrong.one("input", name="notify.2.late_after").attrs
    await edit(wrong, **{"notify.2.late_after": "10m"})
    a, b, c, start, both = (await telling.jobs.get("nightly")).spec.notify
    assert (a.urls, a.instead, b.urls, b.slower_by) == (old[0].urls, True, old[1].urls, 2.0000001)
    assert (c.on, c.late_after) == (("failure", "recovery", "late"), 600)
    assert (start.ping, both.ping) == (old[0].ping, old[2].ping)

    rows = await client.post("/form/notify", form={**fields_of(await opened()), "then": "untell:1"})
    part = Page(await rows.get_data(as_text=True))
    assert [one.attrs["id"] for one in part.all("div", class_="told-rule")] == ["told-0", "told-2"]
    page = await edit(await opened(), 200, then="untell:0")
    page = await edit(page, 200, then="unping:1")
    assert "data-focus" in page.one("button", value="ping").attrs
    await edit(page)
    b, c, start = (await telling.jobs.get("nightly")).spec.notify
    assert (b.urls, b.instead, c.late_after, start.ping) == (old[1].urls, True, 600, old[0].ping)


def fields_of(page: Page) -> dict[str, str]:
    """What a browser sends of the page's forms, but for their buttons."""
    found, select = dict[str, str](), ""
    for one in page.elements:
        name = one.attrs.get("name", "")
        match one.tag:
            case "textarea":
                found[name] = one.text.strip()
            case "input" if one.attrs.get("type") not in ("checkbox", "radio") or "checked" in one.attrs:
                found[name] = one.attrs.get("value", "")
            case "select":
                select = name
            case "option" if select and ("selected" in one.attrs or select not in found):
                found[select] = one.attrs["value"]
            case "datalist":
                select = ""
    return {name: text for name, text in found.items() if name}


async def test_channels_and_rules_are_made_on_the_page_without_javascript(telling: App, receiver: Receiver) -> None:
    client = await signed_in(telling)
    place = "/settings/alerts"
    reply = await client.post(f"{place}/channels", form={"name": "ops", "kind": "apprise", "url": "x", "most": "5"})
    assert reply.status_code == 422
    channel = {"name": "ops", "kind": "apprise", "url": receiver.apprise, "most": "5"}
    quiet = {"quiet.from": "22:00", "quiet.until": "07:00", "quiet.timezone": "Europe/Berlin", "digest": "15m"}
    assert (await client.post(f"{place}/channels", form=channel | quiet)).status_code == 303
    made = await telling.services.channels.get("ops")
    assert (made.quiet and made.quiet.start, made.digest, made.most) == ("22:00", 900, 5)
    edit = {"kind": "apprise", "url": "", "most": "6"}
    assert (await client.post(f"{place}/channels/ops/edit", form=edit)).status_code == 303
    changed = await telling.services.channels.get("ops")
    assert (changed.quiet, changed.most, changed.shown) == (None, 6, made.shown)
    hook = await client.post(f"{place}/channels", form={"name": "hook", "kind": "hook", "url": receiver.web})
    assert "whsec_" in await hook.get_data(as_text=True)

    rule = {"notify.channels": "ops, hook", "notify.on.failure": "on", "notify.failures": "2"}
    assert (await client.post(f"{place}/rules/default/edit", form=rule)).status_code == 303
    assert (await client.post(f"{place}/rules", form={**rule, "tag": "money"})).status_code == 303
    refused = await client.post(f"{place}/rules", form={"tag": "money", "notify.on.failure": "on"})
    assert refused.status_code == 422
    page = await (await client.get(place)).get_data(as_text=True)
    assert "Tells ops and hook when 2 runs in a row fail" in page
    assert "Jobs with the tag money" in page
    tested = await client.post(f"{place}/channels/ops/test", headers={"HX-Request": "true"})
    assert "A test was sent to ops." in await tested.get_data(as_text=True)
    assert receiver.titles == ["Cron-App: a test"]
    removal = await (await client.get(f"{place}/channels/ops/remove")).get_data(as_text=True)
    assert "2 rules here name it" in removal
    assert (await client.post(f"{place}/channels/ops/remove")).status_code == 303


async def test_the_setting_notify_is_a_channel_of_its_own(tmp_path: Path, receiver: Receiver) -> None:
    notify = {"notify": f"{receiver.apprise} nonsense://example.org", "allow_private_hooks": True}
    plain = settings_in(tmp_path)
    app = App(type(plain)(**{**plain.model_dump(), **notify}), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        api = Api(app)
        await api.make("nightly")
        await failed(app, "nightly")
        told = await ended(api)
        assert {one["channel"]: one["state"] for one in told} == {"settings-1": "sent", "settings-2": "failed"}
        assert receiver.titles == ["nightly failed"]
        assert (await api("DELETE", "/channels/settings-1")).status_code == 409
        listed = json.dumps(await api.json("GET", "/channels"))
        assert not any(secret in listed for secret in SECRETS)
    finally:
        await app.close()
