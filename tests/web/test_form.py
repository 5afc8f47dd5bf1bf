"""The job form: what is typed becomes a job, what is wrong is told beside its field, an edit changes nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import update
from support import TurnedClock
from visiting import HTMX, Api, Page, page_of, settings_in, signed_in

from cronapp.app import App
from cronapp.core.access import ALL
from cronapp.core.events import JobChanged
from cronapp.core.registry import Task
from cronapp.core.spec import spec_to_json
from cronapp.store import tables
from cronapp.web.permissions import looking
from cronapp.web.views import view_of

TASKS = '''
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, Field, SecretStr


class Region(Enum):
    NORTH = "north"
    SOUTH = "south"


@dataclass
class Range:
    low: int
    high: int = 10


class Shop(BaseModel):
    name: str
    tags: list[str] = []


def hello(name: str = "world", times: int = 1):
    """Say hello."""


def everything(
    text: str,
    number: int,
    share: float,
    day: date,
    at: time,
    moment: datetime,
    wait: timedelta,
    region: Region,
    size: Literal["s", "m", "l"],
    shops: list[str],
    weights: dict[str, float],
    span: Range,
    shop: Shop,
    loose,
    password: SecretStr,
    note: Annotated[str, Field(max_length=5000)] = "one\\ntwo",
    sure: bool = True,
    doubtful: bool = False,
    maybe: Optional[int] = None,
    maybe_text: str | None = "set",
    **more: Any,
):
    """Take arguments of every kind."""
'''

ARGS: dict[str, Any] = {
    "text": "plain",
    "number": -3,
    "share": 0.25,
    "day": "2026-01-31",
    "at": "09:30:15",
    "moment": "2026-01-31T09:30:00",
    "wait": "1h30m",
    "region": "south",
    "size": "m",
    "shops": ["Kiel", "Köln"],
    "weights": {"a": 1.5, "b": 2},
    "span": {"low": 1, "high": 3},
    "shop": {"name": "Kiel", "tags": ["x"]},
    "loose": "text",
    "password": "geheim",
    "note": "one\ntwo",
    "sure": True,
    "doubtful": False,
    "maybe": None,
    "maybe_text": "set",
}
ODD: list[dict[str, Any]] = [
    {},
    {"text": ""},
    {"text": "  spaces around  "},
    {"text": '"quoted"'},
    {"text": "null"},
    {"text": "<b>&amp;</b>\"'"},
    {"note": "\nbegins with a line break"},
    {"note": "ends with one\n"},
    {"note": "three\n\nlines\n"},
    {"number": 10**18},
    {"share": 1e-9},
    {"share": 3},
    {"at": "09:30:15.250000"},
    {"moment": "2026-01-31T09:30:00.123456"},
    {"moment": "2026-01-31T09:30:00+02:00"},
    {"moment": "2026-01-31T09:30:00Z"},
    {"wait": 90},
    {"wait": "PT5M"},
    {"wait": 0.5},
    {"shops": []},
    {"weights": {}},
    {"loose": "12"},
    {"loose": 12},
    {"loose": "true"},
    {"loose": True},
    {"loose": None},
    {"loose": ""},
    {"loose": [1, {"a": None}]},
    {"sure": False, "doubtful": True},
    {"maybe": 7},
    {"maybe": 0},
    {"maybe_text": None},
    {"maybe_text": ""},
    {"extra": {"deep": [1]}, "and": "text", "count": 3},
]

SCHEDULES: list[Any] = [
    {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"},
    {"kind": "cron", "expression": "30 0 3 * * *"},
    {"kind": "interval", "every": "15m"},
    {"kind": "interval", "every": 900},
    {"kind": "interval", "every": 90.5},
    {"kind": "interval", "every": 86400},
    {"kind": "interval", "every": "1d", "timezone": "America/New_York", "anchor": "2026-01-01T08:00:00Z"},
    {"kind": "interval", "every": "1mo", "anchor": "2026-01-31T08:00:00.500000Z"},
    {"kind": "once", "at": "2031-01-01T12:00:00Z", "timezone": "Asia/Kathmandu"},
    {"kind": "once", "at": "2031-01-01T12:00:00.250000Z"},
    {"kind": "once", "at": "2030-10-27T00:30:00Z", "timezone": "Europe/Berlin"},
    {"kind": "once", "at": "2030-10-27T01:30:00Z", "timezone": "Europe/Berlin"},
    {"kind": "manual"},
    [
        {"kind": "cron", "expression": "0 9 * * *", "timezone": "Europe/Berlin"},
        {"kind": "interval", "every": "6h"},
        {"kind": "once", "at": "2031-01-01T12:00:00Z"},
    ],
]
BEHAVIOUR: list[dict[str, Any]] = [
    {"starts_at": "2031-05-01T10:00:00Z", "ends_at": "2032-05-01T10:00:00Z"},
    {"starts_at": "2031-05-01T10:00:00.125000Z"},
    {"ends_at": "2030-10-27T01:30:00Z"},
    {"starts_at": "2031-05-01T10:00:00Z", "schedule": {"kind": "manual"}},
    {"max_runs": 3},
    {"jitter": 90.5},
    {"blackouts": ["22:00-06:00 mon-fri", "2026-12-24..2027-01-02", "sat,sun"]},
    {"condition": "hello"},
    {"overlap": "queue_all"},
    {"overlap": "allow", "max_running": 5},
    {"overlap": "allow"},
    {"misfire": {"policy": "all", "grace": 86399.5}},
    {"misfire": {"policy": "skip", "grace": 0}},
    {"timeout": 0.25},
    {"timeout": 5400},
    {"retry": {"max_attempts": 4, "delay": 2.5, "backoff": "fixed", "max_delay": 77}},
    {"retry": {"delay": 0}},
    {"queue": "reports"},
    {"priority": -5},
    {"priority": 0},
    {"tags": ["finance", "b c", "ü"]},
    {"description": "Two\nlines, and  spaces"},
]

NEW = {
    "id": "nightly",
    "task": "hello",
    "args.name": "Kiel",
    "args.times": "2",
    "schedule.kind": "cron",
    "schedule.expression": "0 3 * * *",
    "schedule.timezone": "Europe/Berlin",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[App]:
    """An app with a task that takes arguments of every kind; its zone for new jobs is not UTC."""
    settings = settings_in(tmp_path, TASKS).model_copy(update={"timezone": "Europe/Berlin"})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.fixture
async def me(house: App) -> QuartClient:
    return await signed_in(house)


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One such app, with one job, for all tests that store nothing."""
    settings = settings_in(tmp_path_factory.mktemp("shared"), TASKS).model_copy(update={"timezone": "Europe/Berlin"})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    await Api(app).make("taken")
    yield app
    await app.close()


@pytest.fixture
async def visitor(shared: App) -> QuartClient:
    return await signed_in(shared)


# -- made -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_a_form_makes_a_job_and_leads_to_its_page(house: App, me: QuartClient, headers: dict[str, str]) -> None:
    form = NEW | {"timeout": "10m", "retry.max_attempts": "3", "tags": "a, b,,", "description": "One\r\ntwo"}
    reply = await me.post("/jobs", form=form, headers=headers)
    if headers:
        assert (reply.status_code, reply.headers["HX-Redirect"]) == (204, "/jobs/nightly")
    else:
        assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs/nightly")
    job = await house.jobs.get("nightly")
    made = spec_to_json(job.spec)
    assert made["args"] == {"name": "Kiel", "times": 2}
    assert made["schedule"] == [{"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"}]
    assert (made["timeout"], made["retry"]["max_attempts"], made["tags"]) == (600, 3, ["a", "b"])
    assert made["description"] == "One\ntwo"
    assert (job.origin, job.state) == ("browser", "active")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_save_and_run_leads_to_the_run(house: App, me: QuartClient, headers: dict[str, str]) -> None:
    reply = await me.post("/jobs", form=NEW | {"then": "run"}, headers=headers)
    where = reply.headers["HX-Redirect" if headers else "Location"]
    run = await house.runs.get(int(where.removeprefix("/runs/")))
    assert (run.job, run.args, run.trigger) == ("nightly", {"name": "Kiel", "times": 2}, "manual")


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("cron", {"expression": " @daily "}, {"expression": "@daily", "timezone": "Europe/Berlin"}),
        ("cron", {"expression": "0 3 * * *", "timezone": "Asia/Tokyo"}, {"timezone": "Asia/Tokyo"}),
        ("interval", {"every": "15m", "timezone": "UTC"}, {"every": "15m", "timezone": "UTC"}),
        ("once", {"at": "2031-01-01T12:00"}, {"at": "2031-01-01T11:00:00Z", "timezone": "Europe/Berlin"}),
        ("once", {"at": "2031-07-01T12:00", "timezone": "UTC"}, {"at": "2031-07-01T12:00:00Z"}),
        ("manual", {}, {}),
    ],
)
async def test_each_kind_of_schedule_can_be_typed(
    house: App, me: QuartClient, kind: str, typed: dict[str, str], kept: dict[str, str]
) -> None:
    form = {name: text for name, text in NEW.items() if not name.startswith("schedule.")} | {"schedule.kind": kind}
    reply = await me.post("/jobs", form=form | {f"schedule.{name}": text for name, text in typed.items()})
    assert reply.status_code == 303
    (made,) = spec_to_json((await house.jobs.get("nightly")).spec)["schedule"]
    assert made.items() >= ({"kind": kind} | kept).items()


# -- refused --------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, str], set[str]]] = [
    ({"schedule.expression": "0 3 * *"}, {"schedule-expression"}),
    ({"schedule.expression": ""}, {"schedule-expression"}),
    ({"schedule.timezone": "Europe/Berlln"}, {"schedule-timezone"}),
    ({"id": ""}, {"id"}),
    ({"id": "a b/c"}, {"id"}),
    ({"id": "new"}, {"id"}),
    ({"id": "x" * 101}, {"id"}),
    ({"id": "taken"}, {"id"}),
    ({"args.times": "two"}, {"args-times"}),
    ({"task": ""}, {"task"}),
    ({"task": "no_such_task"}, {"task"}),
    ({"schedule.kind": "interval", "schedule.every": "soon"}, {"schedule-every"}),
    ({"schedule.kind": "interval", "schedule.every": ""}, {"schedule-every"}),
    ({"schedule.kind": "once", "schedule.at": "2020-01-01T00:00"}, {"schedule-at"}),
    ({"schedule.kind": "once", "schedule.at": "tomorrow"}, {"schedule-at"}),
    ({"schedule.kind": "once", "schedule.at": ""}, {"schedule-at"}),
    ({"schedule.kind": "sometimes"}, {"schedule"}),
    ({"starts_at": "2020-01-01T00:00"}, {"starts_at"}),
    ({"ends_at": "x"}, {"ends_at"}),
    ({"starts_at": "2032-01-01T00:00", "ends_at": "2031-01-01T00:00"}, {"ends_at"}),
    ({"max_runs": "0"}, {"max_runs"}),
    ({"max_running": "many"}, {"max_running"}),
    ({"jitter": "soon"}, {"jitter"}),
    ({"blackouts": "sat,sun\r\nwhenever"}, {"blackouts"}),
    ({"blackouts": "gone.ics"}, {"blackouts"}),
    ({"condition": "gone"}, {"condition"}),
    ({"condition": "everything"}, {"condition"}),
    ({"overlap": "never"}, {"overlap"}),
    ({"misfire.policy": "maybe"}, {"misfire-policy"}),
    ({"misfire.grace": "-1"}, {"misfire-grace"}),
    ({"timeout": "0"}, {"timeout"}),
    ({"retry.max_attempts": "1000"}, {"retry-max_attempts"}),
    ({"retry.delay": "soon"}, {"retry-delay"}),
    ({"retry.backoff": "linear"}, {"retry-backoff"}),
    ({"priority": "1.5"}, {"priority"}),
    ({"schedule.kind": "dependency"}, {"after-jobs"}),
    ({"after.jobs": "taken, gone"}, {"after-jobs"}),
    ({"after.jobs": "taken, a/b"}, {"after-jobs"}),
    ({"after.jobs": "nightly"}, {"after-jobs"}),
    ({"after.jobs": "taken", "after.when": "never"}, {"after-when"}),
    ({"after.jobs": "taken", "after.mode": "some"}, {"after-mode"}),
    ({"tags": "x" * 200}, {"tags"}),
    ({"description": "x" * 2001}, {"description"}),
    (
        {"id": "a b", "schedule.expression": "x", "args.times": "two", "timeout": "soon", "schedule.timezone": "No"},
        {"id", "schedule-expression", "args-times", "timeout", "schedule-timezone"},
    ),
]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize(("typed", "wrong"), REFUSED, ids=[" ".join(sorted(typed)) for typed, _ in REFUSED])
async def test_wrong_fields_are_told_beside_them_and_what_was_typed_stays(
    shared: App, visitor: QuartClient, headers: dict[str, str], typed: dict[str, str], wrong: set[str]
) -> None:
    sent = NEW | {"overlap": "queue", "args.name": 'ty"ped <b>'} | typed
    reply = await visitor.post("/jobs", form=sent, headers=headers)
    page = Page(await reply.get_data(as_text=True))
    assert reply.status_code == 422
    assert page.faults() == []
    assert bool(page.all("nav")) is not bool(headers), "a whole page only for who asks for one"
    told = page.wrong()
    assert set(told) == wrong
    assert all(text.strip().endswith((".", "?")) for text in told.values()), told
    for name in wrong:
        fields = page.all("", id=f"f-{name}")
        assert all(field.attrs.get("aria-invalid") == "true" for field in fields)
        assert all(f"f-{name}-wrong" in field.attrs["aria-describedby"] for field in fields)
    again = page.form("job-form")
    unlisted = {
        "overlap",
        "misfire.policy",
        "retry.backoff",
        "schedule.kind",
        "after.when",
        "after.mode",
    }  # a list offers only what there is
    for name, text in sent.items():
        if sent["task"] == "hello" or not name.startswith("args."):
            assert again.get(name) == text or (name in unlisted and name in typed), name
    assert [job.id for job in await shared.jobs.all()] == ["taken"]


async def test_a_refused_argument_does_not_hide_what_else_is_wrong(shared: App, visitor: QuartClient) -> None:
    reply = await visitor.post("/jobs", form={"id": "x y", "task": "everything", "schedule.kind": "cron"})
    told = Page(await reply.get_data(as_text=True)).wrong()
    required = {"args-text", "args-number", "args-day", "args-password", "args-shops"}
    assert required | {"id", "schedule-expression"} <= set(told)
    assert not {"args-sure", "args-maybe", "args-note"} & set(told)


async def test_a_secret_is_not_given_back_after_a_refusal_nor_shown(house: App, me: QuartClient) -> None:
    await Api(house).make("all", "everything", args=ARGS)
    for path in ("/jobs/all", "/jobs/all/edit", "/jobs"):
        assert "geheim" not in await (await me.get(path)).get_data(as_text=True), path


async def test_an_edit_from_an_older_version_is_refused_and_nothing_is_lost(house: App, me: QuartClient) -> None:
    await Api(house).make("nightly")
    form = (await page_of(me, "/jobs/nightly/edit")).form("job-form")
    await Api(house).json("PATCH", "/jobs/nightly", json={"priority": 7})
    for headers in ({}, HTMX):
        reply = await me.post("/jobs/nightly/edit", form=form | {"priority": "1"}, headers=headers)
        assert reply.status_code == 412
        assert "meanwhile" in await reply.get_data(as_text=True)
    assert (await house.jobs.get("nightly")).spec.priority == 7


async def test_an_edit_keeps_the_id_whatever_is_sent(house: App, me: QuartClient) -> None:
    await Api(house).make("nightly")
    await me.post("/jobs/nightly/edit", form=NEW | {"id": "other", "version": "1"})
    assert [job.id for job in await house.jobs.all()] == ["nightly"]
    assert (await house.jobs.get("nightly")).spec.args == {"name": "Kiel", "times": 2}


# -- there and back -------------------------------------------------------------------------------------------------


async def saved_unchanged(app: App, client: QuartClient, job_id: str) -> None:
    """Opens the job's form in a browser, and saves it as it is."""
    form = (await page_of(client, f"/jobs/{job_id}/edit")).form("job-form")
    reply = await client.post(f"/jobs/{job_id}/edit", form=form)
    told = Page(await reply.get_data(as_text=True)).wrong()
    assert reply.status_code == 303, told


def passed(task: Task, args: dict[str, Any]) -> dict[str, Any]:
    """What the function gets."""
    defaults = {p.name: p.default for p in task.signature.parameters if p.has_default}
    return defaults | task.signature.check(args)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=json.dumps)
async def test_saving_a_job_as_it_is_keeps_its_schedule(house: App, me: QuartClient, schedule: Any) -> None:
    await Api(house).make("same", schedule=schedule)
    before = await house.jobs.get("same")
    await saved_unchanged(house, me, "same")
    after = await house.jobs.get("same")
    assert after.spec == before.spec
    assert (after.next_slot, after.last_slot) == (before.next_slot, before.last_slot)


@pytest.mark.parametrize("fields", BEHAVIOUR, ids=json.dumps)
async def test_saving_a_job_as_it_is_keeps_its_behaviour(house: App, me: QuartClient, fields: dict[str, Any]) -> None:
    schedule = {"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"}
    await Api(house).make("same", **{"schedule": schedule, **fields})
    before = (await house.jobs.get("same")).spec
    await saved_unchanged(house, me, "same")
    assert (await house.jobs.get("same")).spec == before


async def test_labels_are_asked_for_where_a_process_has_some(house: App, me: QuartClient) -> None:
    await Api(house).make("same")
    assert "labels" not in (await page_of(me, "/jobs/same/edit")).form("job-form")
    await house.store.write(lambda tx: tx.conn.execute(update(tables.nodes).values(labels=["gpu"])).rowcount)
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    await me.post("/jobs/same/edit", form=form | {"labels": "gpu, zone=eu gpu"})
    assert (await house.jobs.get("same")).spec.labels == ("gpu", "zone=eu")
    await house.store.write(lambda tx: tx.conn.execute(update(tables.nodes).values(labels=None)).rowcount)
    await saved_unchanged(house, me, "same")
    assert (await house.jobs.get("same")).spec.labels == ("gpu", "zone=eu")
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    wrong = await me.post("/jobs/same/edit", form=form | {"labels": "gpu, a/b"})
    assert "labels" in Page(await wrong.get_data(as_text=True)).wrong()


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
async def test_saving_a_job_as_it_is_keeps_its_arguments(house: App, me: QuartClient, odd: dict[str, Any]) -> None:
    args = ARGS | odd
    await Api(house).make("same", "everything", args=args)
    task = house.tasks.get("everything")
    before = passed(task, house.tasks.opened((await house.jobs.get("same")).spec.args))
    await saved_unchanged(house, me, "same")
    after = house.tasks.opened((await house.jobs.get("same")).spec.args)
    assert passed(task, after) == before
    assert after["password"] == "geheim"


async def test_what_a_job_does_not_say_follows_the_code_also_after_an_edit(house: App, me: QuartClient) -> None:
    await Api(house).make("same", "hello")
    await saved_unchanged(house, me, "same")
    assert (await house.jobs.get("same")).spec.args == {}
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    await me.post("/jobs/same/edit", form=form | {"args.times": "2"})
    assert (await house.jobs.get("same")).spec.args == {"times": 2}
    await me.post("/jobs/same/edit", form=form | {"args.times": "1", "version": ""})
    assert (await house.jobs.get("same")).spec.args == {"times": 1}, "what was said once stays said"


async def test_a_job_whose_moment_is_over_can_still_be_edited(tmp_path: Path) -> None:
    clock = TurnedClock()
    app = App(settings_in(tmp_path), address="http://127.0.0.1:5000", clock=clock)
    await app.start(worker=False)
    try:
        me = await signed_in(app)
        at = (clock() + timedelta(minutes=1)).isoformat()
        await Api(app).make("once", schedule={"kind": "once", "at": at}, starts_at=at)
        clock.turn(120)
        form = (await page_of(me, "/jobs/once/edit")).form("job-form")
        assert (await me.post("/jobs/once/edit", form=form | {"priority": "3"})).status_code == 303
        assert (await app.jobs.get("once")).spec.priority == 3
        form = (await page_of(me, "/jobs/once/edit")).form("job-form")
        passed_too = form | {"schedule.at": "2026-03-02T12:00:30"}
        assert (await me.post("/jobs/once/edit", form=passed_too)).status_code == 422
    finally:
        await app.close()


async def test_what_is_wrong_within_a_field_is_told_beside_it(house: App, me: QuartClient) -> None:
    api = Api(house)
    await api.make("all", "everything", args=ARGS)
    form = (await page_of(me, "/jobs/all/edit")).form("job-form")
    wrong = {"args.shops.0": "", "args.span.low": "", "args.weights.0.value": "x", "tags": "a, " + "x" * 99}
    reply = await me.post("/jobs/all/edit", form=form | wrong)
    told = Page(await reply.get_data(as_text=True)).wrong()
    assert set(told) == {"args-shops-0", "args-span-low", "args-weights-0-value", "tags"}
    await api.make("two", schedule=SCHEDULES[-1])
    form = (await page_of(me, "/jobs/two/edit")).form("job-form")
    reply = await me.post("/jobs/two/edit", form=form | {"schedule.kind": "cron", "schedule.expression": "x"})
    assert set(Page(await reply.get_data(as_text=True)).wrong()) == {"schedule-expression"}


async def test_a_window_follows_the_zone_that_stands_above_it(house: App, me: QuartClient) -> None:
    schedule = {"kind": "cron", "expression": "0 3 * * *", "timezone": "UTC"}
    await Api(house).make("same", schedule=schedule, ends_at="2031-05-01T10:00:00Z")
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    assert (await me.post("/jobs/same/edit", form=form | {"schedule.timezone": "Asia/Tokyo"})).status_code == 303
    assert (await house.jobs.get("same")).spec.ends_at == datetime(2031, 5, 1, 1, tzinfo=UTC)


async def test_an_emptied_field_takes_its_default(house: App, me: QuartClient) -> None:
    await Api(house).make("same", timeout=600, retry={"max_attempts": 4}, description="x", tags=["a"], priority=3)
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    emptied = form | {"timeout": "", "retry.max_attempts": "", "description": "", "tags": "", "priority": ""}
    assert (await me.post("/jobs/same/edit", form=emptied)).status_code == 303
    spec = (await house.jobs.get("same")).spec
    assert (spec.timeout, spec.retry.max_attempts, spec.description, spec.tags, spec.priority) == (None, 1, "", (), 0)


@pytest.mark.parametrize("path", ["/jobs/same", "/jobs/same/edit"])
async def test_a_changed_schedule_counts_from_now(house: App, me: QuartClient, path: str) -> None:
    await Api(house).make("same", schedule={"kind": "cron", "expression": "0 3 * * *"})
    form = (await page_of(me, "/jobs/same/edit")).form("job-form")
    changed = form | {"schedule.kind": "once", "schedule.at": "2031-07-01T12:00", "schedule.timezone": "UTC"}
    assert (await me.post(path, form=changed)).status_code == 303
    assert (await house.jobs.get("same")).next_slot == datetime(2031, 7, 1, 12, tzinfo=UTC)


async def test_the_forms_fields_have_the_apis_names(shared: App, visitor: QuartClient) -> None:
    page = await page_of(visitor, "/jobs/new?task=everything")
    names = {e.attrs["name"] for e in page.elements if e.tag in ("input", "select", "textarea") and "name" in e.attrs}
    assert {"id", "task", "schedule.kind", "schedule.expression", "schedule.every", "schedule.at"} <= names
    assert {"overlap", "misfire.policy", "retry.max_attempts", "timeout", "tags", "description"} <= names
    assert set(ARGS) <= {re.split(r"[.?@]", name)[1] for name in names if name.startswith("args.")}
    assert {"args.text", "args.span.low", "args.span.high", "args.shop.name"} <= names
    for label in page.all("label", **{"for": "f-args-day"}):
        assert label.text.startswith("Day")


async def test_every_field_has_a_label_and_its_help(shared: App, visitor: QuartClient) -> None:
    page = await page_of(visitor, "/jobs/new?task=everything")
    ids = {e.attrs["id"] for e in page.elements if "id" in e.attrs}
    labelled = {e.attrs["for"] for e in page.all("label") if "for" in e.attrs}
    for e in page.elements:
        if "name" not in e.attrs:  # it belongs to the frame
            continue
        if e.tag in ("select", "textarea") or (e.tag == "input" and e.attrs.get("type") not in ("hidden", "radio")):
            assert e.attrs.get("id") in labelled, e.attrs
            assert set(e.attrs.get("aria-describedby", "").split()) <= ids


# -- while one types ------------------------------------------------------------------------------------------------


async def test_the_chosen_tasks_fields_come_with_what_was_typed_for_the_same_names(me: QuartClient) -> None:
    query = {"task": "everything", "args.text": "ty<p>ed", "args.sure": "on"}
    reply = await me.get("/form/args", query_string=query, headers=HTMX)
    page = Page(await reply.get_data(as_text=True))
    assert page.one("input", name="args.text").attrs["value"] == "ty<p>ed"
    assert "checked" in page.one("input", name="args.sure").attrs
    assert page.one("input", name="args.password").attrs["type"] == "password"
    assert (await me.get("/form/args?task=gone", headers=HTMX)).status_code == 200


@pytest.mark.parametrize(
    ("typed", "wanted", "count"),
    [
        ({"schedule.kind": "cron", "schedule.expression": "0 3 * * mon-fri"}, "03:00", 10),
        ({"schedule.kind": "interval", "schedule.every": "15m"}, "15 minutes", 10),
        ({"schedule.kind": "once", "schedule.at": "2031-07-01T12:00"}, "2031", 1),
        ({"schedule.kind": "manual"}, "", 0),
        ({"schedule.kind": "dependency"}, "shown here", 0),
        ({"schedule.kind": "dependency", "after.jobs": "taken", "after.when": "any"}, "After taken ends", 0),
        ({"schedule.kind": "dependency", "after.jobs": "token"}, 'Did you mean "taken"?', 0),
        ({"schedule.kind": "dependency", "after.jobs": "me", "id": "me"}, "me → me", 0),
        ({"schedule.kind": "interval", "schedule.every": "1d", "after.jobs": "taken"}, ", and after taken", 10),
        ({"schedule.kind": "cron", "schedule.expression": ""}, "", 0),
        ({}, "", 0),
        ({"schedule.kind": "cron", "schedule.expression": "0 3 * *"}, "five fields", 0),
        ({"schedule.kind": "cron", "schedule.expression": "<b> * * * *"}, "<b>", 0),
        ({"schedule.kind": "cron", "schedule.expression": "0 3 * * *", "schedule.timezone": "Nowhere"}, "Nowhere", 0),
        ({"schedule.kind": "cron", "schedule.expression": "0 3 30 2 *"}, "", 0),
        ({"schedule.kind": "interval", "schedule.every": "1d", "ends_at": "2020-01-01T00:00"}, "", 0),
        ({"schedule.kind": "sometimes", "schedule.expression": "x"}, "", 0),
    ],
)
async def test_what_is_typed_is_told_in_words_with_its_next_runs(
    shared: App, visitor: QuartClient, typed: dict[str, str], wanted: str, count: int
) -> None:
    reply = await visitor.post("/form/preview", form=typed, headers=HTMX)
    assert reply.status_code == 200
    page = Page(await reply.get_data(as_text=True))
    assert page.faults() == []
    assert wanted.lower() in page.text.lower()
    slots = [e.attrs["datetime"] for e in page.all("time")]
    slots = [slot for n, slot in enumerate(slots) if slot not in slots[:n]]
    assert len(slots) == count
    assert slots == sorted(slots)
    assert len(await shared.jobs.all()) == 1


async def test_the_preview_is_what_the_job_will_do(house: App, me: QuartClient) -> None:
    reply = await me.post("/form/preview", form=NEW)
    first = Page(await reply.get_data(as_text=True)).all("time")[0].attrs["datetime"]
    await me.post("/jobs", form=NEW)
    job = await house.jobs.get("nightly")
    assert datetime.fromisoformat(first) == job.next_slot


# -- several times, simple ones -------------------------------------------------------------------------------------

SIMPLE = {
    **{name: text for name, text in NEW.items() if not name.startswith("schedule.")},
    "schedule.kind": "simple",
    "schedule.pace": "week",
    "schedule.days.mon": "on",
    "schedule.days.fri": "on",
    "schedule.time": "09:30",
    "schedule.timezone": "Europe/Berlin",
}


async def schedules(app: App, job_id: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = spec_to_json((await app.jobs.get(job_id)).spec)["schedule"]
    return told


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ({}, {"kind": "cron", "expression": "30 9 * * mon,fri", "timezone": "Europe/Berlin"}),
        ({"schedule.pace": "day"}, {"kind": "cron", "expression": "30 9 * * *"}),
        ({"schedule.pace": "month", "schedule.day": "last"}, {"expression": "30 9 L * *"}),
        ({"schedule.pace": "every", "schedule.count": "20", "schedule.unit": "hours"}, {"every": "20h"}),
    ],
)
async def test_a_simple_choice_makes_a_cron_or_interval_schedule(
    house: App, me: QuartClient, typed: dict[str, str], made: dict[str, str]
) -> None:
    assert (await me.post("/jobs", form=SIMPLE | typed)).status_code == 303
    (schedule,) = await schedules(house, "nightly")
    assert schedule.items() >= made.items()
    again = (await page_of(me, "/jobs/nightly/edit")).form("job-form")
    assert {name: again.get(name) for name in typed} == typed, "it is recognised again"
    assert again["schedule.kind"] == "simple"


async def test_what_makes_no_sense_of_a_simple_choice_is_told_beside_its_part(
    shared: App, visitor: QuartClient
) -> None:
    wrong = SIMPLE | {"schedule.time": "25:00", "schedule.days.mon": "", "schedule.days.fri": "", "id": "taken"}
    reply = await visitor.post("/jobs", form=wrong, headers=HTMX)
    page = Page(await reply.get_data(as_text=True))
    assert set(page.wrong()) == {"schedule-time", "schedule-days", "id"}
    every = SIMPLE | {"schedule.pace": "every", "schedule.unit": "days", "schedule.count": "999999"}
    reply = await visitor.post("/jobs", form=every, headers=HTMX)
    assert set(Page(await reply.get_data(as_text=True)).wrong()) == {"schedule-count"}


async def test_several_times_are_kept_in_their_order_whatever_their_numbers(house: App, me: QuartClient) -> None:
    more = {
        "schedule.7.kind": "once",
        "schedule.7.at": "2031-01-01T12:00",
        "schedule.7.timezone": "UTC",
        "schedule.3.kind": "interval",
        "schedule.3.every": "6h",
    }
    wrong = await me.post(
        "/jobs", form=SIMPLE | more | {"schedule.3.every": "soon", "schedule.7.at": "2020-01-01T00:00"}
    )
    page = Page(await wrong.get_data(as_text=True))
    assert set(page.wrong()) == {"schedule-3-every", "schedule-7-at"}
    assert page.form("job-form").items() >= more.items() - {("schedule.3.every", "6h"), more_at(more)}
    assert (await me.post("/jobs", form=SIMPLE | more)).status_code == 303
    made = await schedules(house, "nightly")
    assert [one["kind"] for one in made] == ["cron", "interval", "once"]
    assert (made[1]["timezone"], made[2]["at"]) == ("Europe/Berlin", "2031-01-01T12:00:00Z")

    form = (await page_of(me, "/jobs/nightly/edit")).form("job-form")
    assert (form["schedule.1.kind"], form["schedule.1.every"], form["schedule.2.kind"]) == ("simple", "6h", "once")
    without = {name: text for name, text in form.items() if not name.startswith("schedule.1.")}
    added = {"schedule.9.kind": "cron", "schedule.9.expression": "0 12 * * *", "schedule.9.timezone": ""}
    assert (await me.post("/jobs/nightly/edit", form=without | added)).status_code == 303
    assert [one.get("expression", one.get("at")) for one in await schedules(house, "nightly")] == [
        "30 9 * * mon,fri",
        "2031-01-01T12:00:00Z",
        "0 12 * * *",
    ]


def more_at(more: dict[str, str]) -> tuple[str, str]:
    return "schedule.7.at", more["schedule.7.at"]


async def test_an_edit_of_one_time_keeps_the_anchors_of_the_others(house: App, me: QuartClient) -> None:
    anchors = ["2026-01-01T08:00:00.500000Z", "2026-01-01T09:00:00Z"]
    times = [{"kind": "interval", "every": "6h", "anchor": anchor} for anchor in anchors]
    await Api(house).make("two", schedule=[{"kind": "cron", "expression": "0 3 * * 1-5"}, *times])
    form = (await page_of(me, "/jobs/two/edit")).form("job-form")
    assert (await me.post("/jobs/two/edit", form=form | {"schedule.time": "04:00"})).status_code == 303
    made = await schedules(house, "two")
    assert made[0]["expression"] == "0 4 * * mon-fri"
    assert [one["anchor"] for one in made[1:]] == anchors


async def test_times_are_added_and_taken_away_without_javascript(shared: App, visitor: QuartClient) -> None:
    reply = await visitor.post("/jobs", form=SIMPLE | {"then": "add", "description": "typed"})
    page = Page(await reply.get_data(as_text=True))
    assert (reply.status_code, page.faults()) == (200, [])
    form = page.form("job-form")
    assert (form["schedule.1.kind"], form["schedule.days.mon"], form["description"]) == ("simple", "on", "typed")
    reply = await visitor.post("/jobs", form=form | {"then": "drop:1"})
    assert "schedule.1.kind" not in Page(await reply.get_data(as_text=True)).form("job-form")
    assert len(await shared.jobs.all()) == 1


# -- while one types: id, words, changes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("free-one", "Nobody has this id yet."),
        ("taken", "taken-2 is free"),
        ("a b", "A space cannot be part"),
        ("", ""),
    ],
)
async def test_an_id_is_checked_while_it_is_typed(visitor: QuartClient, typed: str, told: str) -> None:
    reply = await visitor.get("/form/id", query_string={"id": typed}, headers=HTMX)
    assert told in Page(await reply.get_data(as_text=True)).text
    assert reply.status_code == 200


async def test_an_id_that_nobody_has_is_suggested_for_a_task(house: App, me: QuartClient) -> None:
    assert (await page_of(me, "/jobs/new?task=hello")).with_id("f-id").attrs["value"] == "hello"
    for job in ("hello", "hello-2", "hello-22"):
        await Api(house).make(job)
    suggested = {"task": "hello", "id": "report", "suggested": "report"}
    page = Page(await (await me.get("/form/args", query_string=suggested, headers=HTMX)).get_data(as_text=True))
    assert [page.with_id(name).attrs["value"] for name in ("f-id", "f-suggested")] == ["hello-3", "hello-3"]
    typed = suggested | {"id": "mine"}
    page = Page(await (await me.get("/form/args", query_string=typed, headers=HTMX)).get_data(as_text=True))
    assert page.with_id("form-args")
    assert not page.all("input", name="id")


async def test_tasks_are_found_by_what_they_do_and_first_by_their_name(me: QuartClient) -> None:
    async def names(**asked: str) -> list[str]:
        reply = await me.get("/form/tasks", query_string=asked, headers=HTMX)
        return [one.attrs["data-value"] for one in Page(await reply.get_data(as_text=True)).all("li", role="option")]

    assert await names(find="hello", task="hello") == ["everything", "hello"], "the chosen one asks for all"
    assert (await names(find="hello"))[0] == "hello"
    assert await names(find="nothing of the kind") == []


async def test_the_form_is_told_in_sentences_without_its_secrets(house: App, me: QuartClient) -> None:
    await Api(house).make("all", "everything", args=ARGS)
    form = (await page_of(me, "/jobs/all/edit")).form("job-form")
    typed = form | {"args.password": "new-secret", "timeout": "10m", "overlap": "queue", "jitter": "soon"}
    html = await (await me.post("/form/preview", form=typed)).get_data(as_text=True)
    assert "A run is stopped after 10 min." in html
    assert "If a run still goes on, one new run waits." in html
    assert "only when started by hand." in html
    assert "another secret" in html
    assert "new-secret" not in html
    assert "geheim" not in html
    told = Page(html)
    assert [one.text for one in told.all("dt")] == ["if the last run still goes on", "time limit", "password"]
    unchanged = await (await me.post("/form/preview", form=form)).get_data(as_text=True)
    assert Page(unchanged).all("dt") == [], unchanged


# -- somebody else saved meanwhile -----------------------------------------------------------------------------------


async def test_what_only_the_other_changed_is_taken_over_and_what_both_changed_is_shown(
    house: App, me: QuartClient
) -> None:
    await Api(house).make("nightly", timeout=60, args={"name": "Ada"})
    form = (await page_of(me, "/jobs/nightly/edit")).form("job-form")
    mine = form | {"timeout": "20m", "description": "mine", "args.name": "Grace"}
    await Api(house).json("PATCH", "/jobs/nightly", json={"timeout": 900, "priority": 5, "args": {"name": "Bea"}})
    reply = await me.post("/jobs/nightly/edit", form=mine, headers=HTMX)
    page = Page(await reply.get_data(as_text=True))
    assert reply.status_code == 412
    assert [row.attrs["data-field"] for row in page.all("tr") if "data-field" in row.attrs] == ["timeout", "args.name"]
    assert "Version 2 was saved by the admin token" in page.text
    assert [one.text for one in page.all("td")][:3] == ["Time limit", "15 min", "20 min"]
    again = page.form("job-form")
    assert (again["priority"], again["timeout"], again["description"], again["version"]) == ("5", "20m", "mine", "2")
    assert (await house.jobs.get("nightly")).version == 2

    reply = await me.post("/jobs/nightly/edit", form=again | {"then": "take:timeout"})
    page = Page(await reply.get_data(as_text=True))
    assert [row.attrs["data-field"] for row in page.all("tr") if "data-field" in row.attrs] == ["args.name"]
    chosen = page.form("job-form")
    assert (chosen["timeout"], chosen["args.name"]) == ("15m", "Grace")
    assert (await me.post("/jobs/nightly/edit", form=chosen)).status_code == 303
    spec = (await house.jobs.get("nightly")).spec
    assert (spec.timeout, spec.priority, spec.description, spec.args["name"]) == (900, 5, "mine", "Grace")


async def test_a_pause_meanwhile_does_not_stand_in_the_way_of_an_edit(house: App, me: QuartClient) -> None:
    await Api(house).make("nightly", schedule={"kind": "cron", "expression": "0 3 * * *"})
    form = (await page_of(me, "/jobs/nightly/edit")).form("job-form")
    await house.jobs.pause("nightly", by="admin")
    assert (await me.post("/jobs/nightly/edit", form=form | {"timeout": "5m"})).status_code == 303
    job = await house.jobs.get("nightly")
    assert (job.spec.timeout, job.state) == (300, "paused")


async def test_an_open_form_is_told_what_somebody_else_saved(house: App) -> None:
    api = Api(house)
    await api.make("nightly")
    looking.set(ALL)
    view = await view_of(house.site.parts, "form:nightly:1:", "/jobs/nightly/edit", 0)
    assert "changed" not in await view.show("saved")
    await house.jobs.pause("nightly", by="admin")
    assert "saved" in view.heed(JobChanged("nightly"))
    assert "saved" not in view.heed(JobChanged("other"))
    assert "note" not in await view.show("saved"), "a pause changes nothing of what the form says"
    await api.json("PATCH", "/jobs/nightly", json={"timeout": 60, "args": {"name": "Bea"}})
    told = await view.show("saved")
    assert "Version 3 was saved by the admin token" in told
    assert "time limit, name changed" in told
    late = await view_of(house.site.parts, "form:nightly:1:999", "/jobs/nightly/edit", 0)
    assert "Version 3 was saved by the admin token" in await late.show("saved")
    await house.jobs.remove("nightly")
    assert "This job was removed meanwhile." in await view.show("saved")
    assert "saved" not in (await view_of(house.site.parts, "form:::", "/jobs/new", 0)).parts()


# -- tried out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_what_is_typed_is_run_once_and_no_job_is_made(
    house: App, me: QuartClient, headers: dict[str, str]
) -> None:
    typed = NEW | {"id": "a b", "schedule.expression": "nonsense", "timeout": "90"}
    reply = await me.post("/form/test", form=typed, headers=headers)
    page = Page(await reply.get_data(as_text=True))
    assert (reply.status_code, page.faults()) == (200, [])
    run = await house.runs.get(int(page.with_id("form-test").attrs["data-run"]))
    assert (run.trial, run.job, run.args, run.timeout) == (True, "hello", {"name": "Kiel", "times": 2}, 90)
    assert page.has_id("log")
    assert page.has_id("job-form") is not bool(headers)
    if not headers:
        assert page.form("job-form")["schedule.expression"] == "nonsense", "what was typed stays"
    assert await house.jobs.all() == []
    listed = (await page_of(me, "/runs")).text
    assert "test" in listed
    assert "test" in (await page_of(me, f"/runs/{run.id}")).text


async def test_a_test_needs_its_task_arguments_and_timeout_and_says_so(shared: App, visitor: QuartClient) -> None:
    reply = await visitor.post("/form/test", form=NEW | {"args.times": "two", "timeout": "soon"}, headers=HTMX)
    page = Page(await reply.get_data(as_text=True))
    assert reply.status_code == 422
    assert {link.attrs["href"] for link in page.all("a")} == {"#f-args-times", "#f-timeout"}
    reply = await visitor.post("/form/test", form=NEW | {"task": ""}, headers=HTMX)
    assert "Choose a task first." in Page(await reply.get_data(as_text=True)).text


async def test_a_test_of_an_edit_has_the_secret_that_is_stored_and_does_not_show_it(
    house: App, me: QuartClient
) -> None:
    await Api(house).make("all", "everything", args=ARGS)
    form = (await page_of(me, "/jobs/all/edit")).form("job-form")
    html = await (await me.post("/form/test", form=form, headers=HTMX)).get_data(as_text=True)
    run = await house.runs.get(int(Page(html).with_id("form-test").attrs["data-run"]))
    assert house.tasks.opened(run.args)["password"] == "geheim"
    for path in (f"/runs/{run.id}", "/runs"):
        assert "geheim" not in await (await me.get(path)).get_data(as_text=True)


async def test_a_program_tries_a_task_out_too(house: App) -> None:
    api = Api(house)
    run = await api.json("POST", "/tasks/hello/test", 202, json={"args": {"times": 3}, "timeout": "1m", "job": "mine"})
    assert (run["test"], run["job"], run["trigger"], run["args"]) == (True, "mine", "api", {"times": 3})
    told = await api.json("POST", "/tasks/hello/test", 422, json={"args": {"times": "x"}})
    assert set(told["errors"]) == {"args.times"}
    await api.json("POST", "/tasks/gone/test", 404, json={})
