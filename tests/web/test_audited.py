"""No route changes anything without a word in the audit: each that is not GET is asked for something it can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from quart.testing import QuartClient
from support import TASKS, until
from visiting import HTMX, Api, put_run, settings_in, signed_in

from cronapp.app import App
from cronapp.core.access import Right
from cronapp.core.alerts import Delivery, DeliveryState
from cronapp.core.models import RunError, RunState
from cronapp.service.backfills import Window
from cronapp.store.audit import AuditFilter
from cronapp.web.permissions import NEEDS, OWN

EACH_MINUTE = {"kind": "cron", "expression": "* * * * *"}
DAILY = {"kind": "cron", "expression": "0 0 * * *"}
BEFORE = TASKS + "\ndef greet(day: str, n: int = 1): ...\n@task(schedule='0 3 * * *')\ndef nightly(): ...\n"
AFTER = BEFORE.replace("day: str, n: int = 1", "count: int")
WRONG = RunError("ValueError", "no figures", "Traceback")
UNFIT = ("unfit-0", "unfit-1", "unfit-2", "unfit-3")

QUESTIONS = {
    "bulk.question": "asks before it is done",
    "bulk_runs.question": "asks before it is done",
    "form_args.changed": "shows the form with another task",
    "form_args.json_told": "tells where a typed text stops being JSON",
    "job_form.form_preview": "shows what the typed job would do",
    "job_form.form_notify": "shows the form with another row",
    "backfills.preview": "shows what would be run",
}
"""What changes nothing, and is a POST because it brings a whole form or many ids."""

ELSEWHERE = {
    **dict.fromkeys(("people", "api.users"), "test_people.py::test_whatever_is_done_to_accounts_is_in_the_books"),
    **dict.fromkeys(("tokens", "api.tokens"), "test_tokens.py of the service"),
    **dict.fromkeys(("secrets", "api.secrets"), "test_secrets.py of the service"),
}
"""Whose routes are tested there."""


@dataclass(frozen=True)
class Deed:
    """A request that changes something. What stands in braces is put in from what is there; `sent` is a form, or of the
    API JSON."""

    endpoint: str
    path: str
    sent: Any = None
    method: str = "POST"
    action: str = ""


FORM = {"task": "hello", "args.times": "1", "schedule.kind": "manual"}
JOB = {"id": "api-{n}", "task": "hello", "schedule": {"kind": "manual"}}
HOOK = "http://127.0.0.1:9/elsewhere"  # where nobody is called
CHANNEL = {"kind": "hook", "url": "http://127.0.0.1:9/hook"}
CHANNELS = "/settings/alerts/channels/{channel}"
RULE = {"tag": "nobodys", "notify.on.failure": "on", "notify.channels": "{channel}"}
WINDOW = {"from": "{since}", "to": "{until}"}

DEEDS = (
    Deed("jobs.remove", "/jobs/{job}/remove", action="job.removed"),
    Deed("start.run", "/jobs/{job}/run", action="run.started"),
    Deed("bulk.carry_out", "/jobs/bulk/done", {"action": "pause", "ids": "{job}"}, action="job.paused"),
    Deed("saved_views.save", "/views/save", {"page": "jobs", "name": "mine", "query": "tag=x"}, action="view.saved"),
    Deed("saved_views.remove", "/views/remove", {"page": "jobs", "name": "mine"}, action="view.removed"),
    Deed("job_form.create", "/jobs", {**FORM, "id": "formed"}, action="job.created"),
    Deed("job_form.save", "/jobs/{job}/edit", {**FORM, "id": "{job}", "version": "{version}"}, action="job.edited"),
    Deed("trials.test", "/form/test", {**FORM, "id": "tried"}, action="trial.begun"),
    Deed("pauses.pause", "/jobs/{job}/pause", {"reason": "", "until": ""}, action="job.paused"),
    Deed("pauses.resume", "/jobs/{paused}/resume", {"catch_up": "none"}, action="job.resumed"),
    Deed("upcoming.skip", "/jobs/{job}/slots/skip", {"slot": "{slot}"}, action="job.slot_skipped"),
    Deed("upcoming.undo_skip", "/jobs/{job}/slots/undo-skip", {"slot": "{skipped}"}, action="job.skip_undone"),
    Deed("upcoming.add", "/jobs/{job}/slots/add", {"at": "{free}"}, action="job.slot_added"),
    Deed("upcoming.remove_added", "/jobs/{job}/slots/remove", {"slot": "{added}"}, action="job.slot_removed"),
    Deed("history.restore", "/jobs/{job}/restore", {"version": "1"}, action="job.restored"),
    Deed("notes.add", "/jobs/{job}/notes", {"text": "mind the gap"}, action="note.added"),
    Deed("notes.edit", "/jobs/{job}/notes/{note}/edit", {"text": "mind it"}, action="note.edited"),
    Deed("notes.remove", "/jobs/{job}/notes/{note}/remove", action="note.removed"),
    Deed("backfills.start", "/jobs/{job}/backfill", WINDOW, action="backfill.opened"),
    Deed("backfills.cancel", "/jobs/{job}/backfills/{backfill}/cancel", action="backfill.cancelled"),
    Deed("limits.put", "/limits", {"kind": "queue", "name": "mail", "max_running": "2"}, action="limit.set"),
    Deed("limits.clear", "/limits/queue/mail/clear", action="limit.cleared"),
    Deed("repairs.repoint", "/jobs/unfit-0/repoint", {"task": "hello"}, action="job.repointed"),
    Deed("repairs.fit", "/jobs/unfit-1/fit", action="job.fitted"),
    Deed("repairs.reset", "/jobs/nightly/reset", action="job.reset"),
    Deed("runs.cancel", "/runs/{queued}/cancel", action="run.cancelled"),
    Deed("runs.retry", "/runs/{failed}/retry", action="run.retried"),
    Deed("bulk_runs.carry_out", "/runs/bulk/done", {"action": "retry", "ids": "{failed}"}, action="run.retried"),
    Deed("load.apply", "/timeline/spread", {"at": "{midnight}", "within": "10", "crowd": "*"}, action="job.edited"),
    Deed("switch.pause", "/scheduler/pause", {"reason": "", "until": ""}, action="scheduler.paused"),
    Deed("switch.resume", "/scheduler/resume", {"catch_up": "none"}, action="scheduler.resumed"),
    Deed("restart_pages.begin", "/system/drain", action="drain.begun"),
    Deed("restart_pages.end", "/system/drain/end", action="drain.ended"),
    Deed("alerts.add_channel", "/settings/alerts/channels", {**CHANNEL, "name": "made-{n}"}, action="channel.created"),
    Deed("alerts.change_channel", CHANNELS + "/edit", {"kind": "hook", "url": HOOK}, action="channel.changed"),
    Deed("alerts.remove_channel", CHANNELS + "/remove", action="channel.removed"),
    Deed("alerts.renew_secret", CHANNELS + "/secret", action="channel.secret_made"),
    Deed("alerts.try_channel", CHANNELS + "/test", action="channel.tested"),
    Deed("alerts.add_rule", "/settings/alerts/rules", RULE, action="alert.created"),
    Deed("alerts.change_rule", "/settings/alerts/rules/{rule}/edit", RULE, action="alert.changed"),
    Deed("alerts.remove_rule", "/settings/alerts/rules/{rule}/remove", action="alert.removed"),
    Deed("alerts.try_rule", "/settings/alerts/rules/{rule}/test", action="alert.tested"),
    Deed("alerts.try_job", "/jobs/{told}/notify/test", action="job.tested"),
    Deed("alerts.retry", "/deliveries/{delivery}/retry", action="delivery.retried"),
    Deed("api.alerts.add_channel", "/channels", {**CHANNEL, "name": "api-{n}"}, action="channel.created"),
    Deed("api.alerts.change_channel", "/channels/{channel}", {"url": HOOK}, "PUT", "channel.changed"),
    Deed("api.alerts.remove_channel", "/channels/{channel}", None, "DELETE", "channel.removed"),
    Deed("api.alerts.renew_secret", "/channels/{channel}/secret", action="channel.secret_made"),
    Deed("api.alerts.try_channel", "/channels/{channel}/test", action="channel.tested"),
    Deed("api.alerts.add_rule", "/alerts", {"tag": "nobodys", "channels": ["{channel}"]}, action="alert.created"),
    Deed(
        "api.alerts.change_rule",
        "/alerts/{rule}",
        {"tag": "nobodys", "channels": ["{channel}"]},
        "PUT",
        "alert.changed",
    ),
    Deed("api.alerts.remove_rule", "/alerts/{rule}", None, "DELETE", "alert.removed"),
    Deed("api.alerts.try_rule", "/alerts/{rule}/test", action="alert.tested"),
    Deed("api.alerts.try_job", "/jobs/{told}/notify/test", action="job.tested"),
    Deed("api.alerts.retry", "/deliveries/{delivery}/retry", action="delivery.retried"),
    Deed("api.tasks.test", "/tasks/hello/test", {"args": {}}, action="trial.begun"),
    Deed("api.jobs.create", "/jobs", JOB, action="job.created"),
    Deed("api.jobs.replace", "/jobs/{job}", {**JOB, "id": "{job}"}, "PUT", "job.edited"),
    Deed("api.jobs.change", "/jobs/{job}", {"priority": 3}, "PATCH", "job.edited"),
    Deed("api.jobs.remove", "/jobs/{job}", None, "DELETE", "job.removed"),
    Deed("api.jobs.run", "/jobs/{job}/run", action="run.started"),
    Deed("api.jobs.pause", "/jobs/{job}/pause", action="job.paused"),
    Deed("api.jobs.resume", "/jobs/{paused}/resume", action="job.resumed"),
    Deed("api.bulk.carry_out", "/jobs/bulk", {"ids": ["{job}"], "action": "run"}, action="run.started"),
    Deed("api.bulk_runs.carry_out", "/runs/bulk", {"ids": ["{queued}"], "action": "cancel"}, action="run.cancelled"),
    Deed("api.repairs.repoint", "/jobs/unfit-2/repoint", {"task": "hello"}, action="job.repointed"),
    Deed("api.repairs.fit", "/jobs/unfit-3/fit", action="job.fitted"),
    Deed("api.repairs.reset", "/jobs/nightly/reset", action="job.reset"),
    Deed("api.runs.cancel", "/runs/{queued}/cancel", action="run.cancelled"),
    Deed("api.runs.retry", "/runs/{failed}/retry", action="run.retried"),
    Deed("api.runs.retry_alike", "/runs/{failed}/retry-like", action="run.retried"),
    Deed("api.scheduler.pause", "/scheduler/pause", action="scheduler.paused"),
    Deed("api.scheduler.resume", "/scheduler/resume", action="scheduler.resumed"),
    Deed("api.limits.put", "/limits/queue/mail", {"max_running": 2}, "PUT", "limit.set"),
    Deed("api.limits.clear", "/limits/queue/mail", None, "DELETE", "limit.cleared"),
    Deed("api.backfills.open_backfill", "/jobs/{job}/backfill", WINDOW, action="backfill.opened"),
    Deed("api.backfills.cancel", "/jobs/{job}/backfills/{backfill}", None, "DELETE", "backfill.cancelled"),
    Deed("api.upcoming.skip", "/jobs/{job}/slots/skip", {"slot": "{slot}"}, action="job.slot_skipped"),
    Deed("api.upcoming.undo_skip", "/jobs/{job}/slots/skip?slot={skipped}", None, "DELETE", "job.skip_undone"),
    Deed("api.upcoming.add", "/jobs/{job}/slots/add", {"slot": "{free}"}, action="job.slot_added"),
    Deed("api.upcoming.remove_added", "/jobs/{job}/slots/add?slot={added}", None, "DELETE", "job.slot_removed"),
    Deed("api.history.restore", "/jobs/{job}/restore", {"version": 1}, action="job.restored"),
    Deed("api.notes.add", "/jobs/{job}/notes", {"text": "mind the gap"}, action="note.added"),
    Deed("api.notes.edit", "/jobs/{job}/notes/{note}", {"text": "mind it"}, "PATCH", "note.edited"),
    Deed("api.notes.remove", "/jobs/{job}/notes/{note}", None, "DELETE", "note.removed"),
    Deed("api.restart.begin", "/drain", action="drain.begun"),
    Deed("api.restart.end", "/drain", None, "DELETE", "drain.ended"),
    Deed("nodes.drain", "/system/nodes/{node}/drain", action="node.drained"),
    Deed("nodes.resume", "/system/nodes/{node}/resume", action="node.resumed"),
    Deed("api.workers.drain", "/workers/{node}/drain", action="node.drained"),
    Deed("api.workers.resume", "/workers/{node}/resume", action="node.resumed"),
)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One app with a crowd at midnight, jobs that do not fit their task, and one of the code that was edited."""
    app = App(settings_in(tmp_path_factory.mktemp("house"), BEFORE), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    api = Api(app)
    for job_id in UNFIT:
        await api.make(job_id, "greet", args={"day": "Monday", "n": 7})
    for n in range(8):
        await api.make(f"night-{n}", schedule=DAILY)
    await api.json("PATCH", "/jobs/nightly", json={"priority": 3})
    deploy(app, AFTER)
    await app.declarations.hold_against_code()
    yield app
    await app.close()


def deploy(app: App, code: str) -> None:
    Path(app.tasks.sources[0]).write_text(code)
    app.tasks.reload()


async def furnished(app: App, n: int) -> dict[str, Any]:
    """A job of its own with all that a deed may be about, and a paused one."""
    api, services, job = Api(app), app.services, f"job-{n}"
    await api.make(job, schedule=EACH_MINUTE)
    await api.make(f"paused-{n}")
    await services.jobs.pause(f"paused-{n}")
    await api.json("PATCH", f"/jobs/{job}", json={"tags": ["x"]})
    hour = app.clock().replace(second=0, microsecond=0) + timedelta(hours=1)
    await services.upcoming.skip(job, hour + timedelta(minutes=1))
    await services.upcoming.add(job, hour + timedelta(seconds=1))
    note = await services.notes.add(job, "a note")
    made = await services.jobs.get(job)
    past = Window(since=hour - timedelta(hours=5), until=hour - timedelta(hours=4, minutes=58))
    return {
        "n": n,
        "node": app.node,
        "job": job,
        "version": made.version,
        "paused": f"paused-{n}",
        "note": note.id,
        "backfill": (await services.backfills.open(job, past, by="ada")).backfill.id,
        "queued": (await put_run(app, made, RunState.QUEUED)).id,
        "failed": (await put_run(app, made, RunState.FAILED, error=WRONG)).id,
        "slot": iso(hour),
        "skipped": iso(hour + timedelta(minutes=1)),
        "added": iso(hour + timedelta(seconds=1)),
        "free": iso(hour + timedelta(seconds=2)),
        "since": iso(hour - timedelta(hours=3)),
        "until": iso(hour - timedelta(hours=2, minutes=58)),
        "midnight": iso(hour.replace(hour=0, minute=0) + timedelta(days=1)),
    }


async def alerting(app: App, n: int) -> dict[str, Any]:
    """A channel, a rule, a job that names it, and what was told of that."""
    services = app.services
    channel, _ = await services.channels.create(f"hook-{n}", CHANNEL)
    told = {"on": ["failure"], "channels": [channel.name]}
    await Api(app).make(f"told-{n}", notify=[told])
    await put_run(app, await services.jobs.get(f"told-{n}"), RunState.FAILED, error=WRONG)
    rule = await services.alerts.add({**told, "tag": "nobodys"})
    return {
        "n": n,
        "channel": channel.name,
        "rule": rule.id,
        "told": f"told-{n}",
        "delivery": await given_up(app, f"told-{n}"),
    }


async def given_up(app: App, job: str) -> int:
    """The delivery of a job that failed, which is refused at once: its hook is on this machine."""

    async def ended() -> Delivery | None:
        (one,), _ = await app.services.alerts.page(job=job)
        return one if one.state == DeliveryState.FAILED else None

    return (await until(ended)).id


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def filled(value: Any, there: dict[str, Any]) -> Any:
    """With what is there in the place of each brace."""
    match value:
        case str() if value.startswith("{") and isinstance(there.get(value[1:-1]), int):
            return there[value[1:-1]]
        case str():
            return value.format(**there)
        case list():
            return [filled(one, there) for one in value]
        case dict():
            return {name: filled(one, there) for name, one in value.items()}
    return value


async def crowd(app: App) -> dict[str, Any]:
    """The jobs of the crowd as the form of the spread sends them."""
    jobs = [await app.jobs.get(f"night-{n}") for n in range(8)]
    return {"job": [job.id for job in jobs], **{f"version-{job.id}": job.version for job in jobs}}


async def carried_out(app: App, client: QuartClient, deed: Deed, there: dict[str, Any]) -> tuple[int, str]:
    """The status and the text of the answer."""
    path, sent = deed.path.format(**there), filled(deed.sent, there)
    if deed.endpoint.startswith("api."):
        reply = await Api(app)(deed.method, path, **({} if sent is None else {"json": sent}))
    else:
        form = {**(sent or {}), **(await crowd(app) if "crowd" in (sent or {}) else {})}
        headers = {**HTMX, "Content-Type": "application/x-www-form-urlencoded"}
        reply = await client.post(path, data=urlencode(form, doseq=True), headers=headers)
    return reply.status_code, await reply.get_data(as_text=True)


def changing(app: App) -> Iterator[str]:
    """The endpoints that more than looking is needed for, or that are one's own, and that are not GET."""
    for rule in app.site.url_map.iter_rules():
        needed = NEEDS.get(rule.endpoint)
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"} and needed and needed.right is not Right.LOOK:
            yield rule.endpoint


def test_each_route_that_changes_something_is_asked_below(house: App) -> None:
    asked = [deed.endpoint for deed in DEEDS]
    here = {endpoint for endpoint in changing(house) if endpoint.rpartition(".")[0] not in ELSEWHERE}
    assert sorted({*asked, *QUESTIONS}) == sorted(here)
    assert len(set(asked)) == len(asked)
    own = {endpoint.rpartition(".")[0] for endpoint in OWN}
    assert own == {"auth", "settings", "account", "api.tokens"}  # with the accounts; and what only looks


async def test_whatever_changes_something_is_written_down_with_who_did_it(house: App) -> None:
    client, wrong = await signed_in(house), []
    for n, deed in enumerate(DEEDS):
        there = await (alerting if "alerts." in deed.endpoint else furnished)(house, n)
        (newest, *_), _ = await house.services.audit.page(AuditFilter(), limit=1)
        status, text = await carried_out(house, client, deed, there)
        rows = [row for row in (await house.services.audit.page(AuditFilter(), limit=20))[0] if row.id > newest.id]
        by = {row.by for row in rows}
        if status >= 400 or deed.action not in {row.action for row in rows} or by != {"the admin token"}:
            wrong.append((deed.endpoint, status, [(row.action, row.by) for row in rows], text[:300]))
    assert wrong == [], wrong


async def test_questions_write_nothing_down(house: App) -> None:
    client = await signed_in(house)
    there = await furnished(house, len(DEEDS))
    asked = {
        "/jobs/bulk": {"action": "pause", "job": "{job}"},
        "/runs/bulk": {"action": "retry", "run": "{failed}"},
        "/form/args": FORM,
        "/form/json": {"which": "args.x", "args.x": "{{"},
        "/form/preview": FORM,
        "/jobs/{job}/backfill/preview": WINDOW,
    }
    before = (await house.services.audit.page(AuditFilter(), limit=1))[0]
    for path, form in asked.items():
        status, text = await carried_out(house, client, Deed("", path, form), there)
        assert status == 200, (path, text[:300])
    assert (await house.services.audit.page(AuditFilter(), limit=1))[0] == before
