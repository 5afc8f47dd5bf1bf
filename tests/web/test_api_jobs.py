"""The REST API: tasks, jobs and schedules; and how every error is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from quart import Response
from quart.testing import QuartClient
from support import TOKEN
from visiting import Api, moment, put_in_state, put_run

from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import JobState, RunState

NIGHTLY = {"id": "nightly", "task": "hello", "schedule": {"kind": "cron", "expression": "0 3 * * mon-fri"}}
JOB_FIELDS = {
    *("id", "task", "args", "schedule", "starts_at", "ends_at", "max_runs", "overlap", "max_running", "misfire"),
    *("timeout", "retry", "queue", "priority", "tags", "description", "state", "origin", "next_slot", "last_run"),
    "version",
}


async def problem(reply: Response, status: int) -> dict[str, Any]:
    """An error as RFC 9457 has it."""
    assert reply.status_code == status, await reply.get_data(as_text=True)
    assert reply.content_type == "application/problem+json"
    told: dict[str, Any] = json.loads(await reply.get_data())
    assert told["status"] == status
    assert {"type", "title", "detail"} <= set(told)
    assert told["detail"].strip()
    return told


# -- tasks ----------------------------------------------------------------------------------------------------------


async def test_tasks_are_told_with_their_schema_and_place(asker: Api) -> None:
    listed = await asker.json("GET", "/tasks")
    assert listed["next"] is None
    assert {"hello", "wait", "hold", "work", "fail", "needs", "steps"} == {task["name"] for task in listed["items"]}
    one = await asker.json("GET", "/tasks/needs")
    assert one in listed["items"]
    assert one["schema"]["properties"]["day"]["format"] == "date"
    assert one["schema"]["required"] == ["day", "count"]
    assert one["summary"] == "Take arguments of several types."
    assert one["file"].endswith("tasks.py")
    assert one["line"] > 1
    assert (await asker.json("GET", "/tasks/work"))["run_in"] == "process"
    await problem(await asker("GET", "/tasks/gone"), 404)


# -- made and got ---------------------------------------------------------------------------------------------------


async def test_a_job_is_made_got_and_removed(api: Api) -> None:
    reply = await api("POST", "/jobs", json=NIGHTLY)
    assert reply.status_code == 201
    assert reply.headers["Location"] == "/api/v1/jobs/nightly"
    made = await reply.get_json()
    assert set(made) >= JOB_FIELDS
    assert made["schedule"] == NIGHTLY["schedule"] | {"timezone": "UTC"}
    assert (made["state"], made["origin"], made["version"], made["args"]) == ("active", "api", 1, {})
    assert moment(made["next_slot"]).hour == 3
    assert made["last_run"] is None
    got = await api("GET", "/jobs/nightly")
    assert await got.get_json() == made
    assert got.headers["ETag"] == '"1"'
    gone = await api("DELETE", "/jobs/nightly")
    assert (gone.status_code, await gone.get_data()) == (204, b"")
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        await problem(await api(method, "/jobs/nightly", json=NIGHTLY if method != "GET" else None), 404)


async def test_what_is_got_can_be_put_back_and_changes_nothing(api: Api) -> None:
    schedules = [
        {"kind": "interval", "every": 90.5},
        [{"kind": "cron", "expression": "0 9 * * *"}, {"kind": "once", "at": "2031-01-01T00:00:00Z"}],
        {"kind": "manual"},
    ]
    for n, schedule in enumerate(schedules):
        got = await api.make(
            f"job-{n}",
            schedule=schedule,
            args={"name": "Kiel"},
            timeout="10m",
            retry={"max_attempts": 3, "delay": "5s"},
            tags=["a"],
            starts_at="2030-01-01T00:00:00+01:00",
        )
        put = await api.json("PUT", f"/jobs/{got['id']}", json=got)
        ignored = ("version", "updated_at")
        assert {k: v for k, v in put.items() if k not in ignored} == {k: v for k, v in got.items() if k not in ignored}


async def test_durations_are_seconds_and_times_are_utc(api: Api) -> None:
    made = await api.make(
        "nightly",
        timeout="1h30m",
        misfire={"policy": "all", "grace": "1d"},
        retry={"max_attempts": 2, "delay": "250ms", "max_delay": 60},
        schedule={"kind": "once", "at": "2031-01-01T12:00:00+05:45"},
    )
    assert (made["timeout"], made["misfire"]["grace"]) == (5400, 86400)
    assert (made["retry"]["delay"], made["retry"]["max_delay"]) == (0.25, 60)
    assert made["schedule"]["at"] == made["next_slot"] == "2031-01-01T06:15:00Z"
    assert all(moment(made[name]) for name in ("created_at", "updated_at"))


async def test_put_takes_defaults_for_what_is_left_out_and_patch_keeps_it(api: Api) -> None:
    await api.make("nightly", priority=5, timeout=60, retry={"max_attempts": 3, "delay": 1}, args={"name": "Kiel"})
    changed = await api.json("PATCH", "/jobs/nightly", json={"description": "x", "retry": {"delay": 2}})
    assert (changed["priority"], changed["timeout"], changed["description"]) == (5, 60, "x")
    assert (changed["retry"]["max_attempts"], changed["retry"]["delay"]) == (3, 2)
    replaced = await api.json("PUT", "/jobs/nightly", json=NIGHTLY)
    assert (replaced["priority"], replaced["timeout"], replaced["args"]) == (0, None, {})
    assert replaced["retry"]["max_attempts"] == 1
    assert replaced["version"] == 3


async def test_an_id_cannot_be_changed(api: Api) -> None:
    await api.make("nightly")
    told = await problem(await api("PATCH", "/jobs/nightly", json={"id": "other"}), 422)
    assert set(told["errors"]) == {"id"}


# -- guarded against lost edits -------------------------------------------------------------------------------------


async def test_patches_of_several_clients_at_once_are_all_kept(quiet: App, api: Api) -> None:
    await api.make("nightly")
    fields = [{"priority": 3}, {"description": "x"}, {"tags": ["a"]}, {"timeout": 60}, {"retry": {"delay": 2}}]
    fields += [{"retry": {"max_attempts": 4}}, {"overlap": "allow"}, {"misfire": {"grace": 7}}]
    replies = await asyncio.gather(*(api("PATCH", "/jobs/nightly", json=one) for one in fields))
    assert [reply.status_code for reply in replies] == [200] * len(fields)
    job = await api.json("GET", "/jobs/nightly")
    assert (job["priority"], job["description"], job["tags"], job["timeout"]) == (3, "x", ["a"], 60)
    assert (job["retry"]["delay"], job["retry"]["max_attempts"]) == (2, 4)
    assert (job["overlap"], job["misfire"]["grace"]) == ("allow", 7)
    assert job["version"] == 1 + len(fields)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_save_between_the_reading_and_the_writing_is_not_lost_and_without_if_match_no_error(
    quiet: App, api: Api, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await api.make("nightly", description="old")
    edit = quiet.jobs.edit
    others = 2

    async def overtaken(job_id: str, data: Any, *, by: str, version: int | None = None) -> Any:
        nonlocal others
        if others:
            others -= 1
            await edit(job_id, {"task": "hello", "schedule": {"kind": "manual"}, "description": f"theirs {others}"})
        return await edit(job_id, data, by=by, version=version)

    monkeypatch.setattr(quiet.jobs, "edit", overtaken)
    sent = {"priority": 3} if method == "PATCH" else {**NIGHTLY, "description": "mine"}
    job = await api.json(method, "/jobs/nightly", json=sent)
    assert job["description"] == ("theirs 0" if method == "PATCH" else "mine")
    assert job["version"] == 4
    others = 1
    told = await problem(await api(method, "/jobs/nightly", json=sent, headers={"If-Match": '"4"'}), 412)
    assert "Somebody else saved" in told["detail"]
    others = 1000
    told = await problem(await api(method, "/jobs/nightly", json=sent), 409)
    assert "Try again in a moment" in told["detail"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_of_an_older_version_is_refused(api: Api, method: str) -> None:
    await api.make("nightly")
    await api.json("PATCH", "/jobs/nightly", json={"priority": 1})
    for tag in ('"1"', 'W/"1"', '"7"', "x", '""', '"1", "3"', "-1", '"99999999999999999999999"'):
        told = await problem(await api(method, "/jobs/nightly", json=NIGHTLY, headers={"If-Match": tag}), 412)
        assert "meanwhile" in told["detail"]
    assert (await api.json("GET", "/jobs/nightly"))["version"] == 2
    good = await api(method, "/jobs/nightly", json=NIGHTLY, headers={"If-Match": '"2"'})
    assert good.status_code == (204 if method == "DELETE" else 200)
    if method != "DELETE":
        assert good.headers["ETag"] == '"3"'
        star = await api(method, "/jobs/nightly", json=NIGHTLY, headers={"If-Match": "*"})
        assert star.headers["ETag"] == '"4"'


async def test_of_two_who_change_the_same_version_one_wins(api: Api) -> None:
    await api.make("nightly")
    replies = await asyncio.gather(
        *(api("PATCH", "/jobs/nightly", json={"priority": n}, headers={"If-Match": '"1"'}) for n in range(8))
    )
    assert sorted(reply.status_code for reply in replies) == [200] + [412] * 7
    assert (await api.json("GET", "/jobs/nightly"))["version"] == 2


# -- once only ------------------------------------------------------------------------------------------------------


async def test_the_same_request_sent_again_makes_one_job(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    replies = await asyncio.gather(*(api("POST", "/jobs", json=NIGHTLY, headers=key) for _ in range(5)))
    assert {reply.status_code for reply in replies} == {201}
    assert len({await reply.get_data() for reply in replies}) == 1
    assert len((await api.json("GET", "/jobs"))["items"]) == 1
    await problem(await api("POST", "/jobs", json=NIGHTLY), 422)


async def test_the_same_run_request_sent_again_opens_one_run(quiet: App, api: Api) -> None:
    await api.make("nightly")
    key = {"Idempotency-Key": "k1"}
    calls = (api("POST", "/jobs/nightly/run", json={"args": {}}, headers=key) for _ in range(5))
    assert len({(await reply.get_json())["id"] for reply in await asyncio.gather(*calls)}) == 1
    other = await api("POST", "/jobs/nightly/run", json={"args": {}}, headers={"Idempotency-Key": "k2"})
    assert (await other.get_json())["id"] == 2
    assert await quiet.runs.counts() == {"queued": 2}


async def test_a_key_cannot_be_used_for_another_request(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    await api("POST", "/jobs", json=NIGHTLY, headers=key)
    await problem(await api("POST", "/jobs", json=NIGHTLY | {"priority": 1}, headers=key), 422)
    await problem(await api("POST", "/jobs/nightly/run", headers=key), 422)
    assert (await api.json("GET", "/jobs/nightly"))["priority"] == 0
    await problem(await api("POST", "/jobs", json=NIGHTLY, headers={"Idempotency-Key": "k" * 201}), 422)


async def test_a_refused_request_does_not_use_its_key_up(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    await problem(await api("POST", "/jobs", json=NIGHTLY | {"task": "gone"}, headers=key), 422)
    assert (await api("POST", "/jobs", json=NIGHTLY, headers=key)).status_code == 201


# -- lists ----------------------------------------------------------------------------------------------------------


async def test_jobs_are_listed_by_pages_and_filters(quiet: App, api: Api) -> None:
    for n in range(7):
        await api.make(f"job-{n}", task="hello" if n < 4 else "fail", tags=["even"] if n % 2 == 0 else [])
    await put_in_state(quiet, "job-6", JobState.PAUSED)
    job = await quiet.jobs.get("job-3")
    await put_run(quiet, job, RunState.FAILED)
    await put_run(quiet, job, RunState.RUNNING)

    async def ids(query: str) -> list[str]:
        return [job["id"] for job in (await api.json("GET", f"/jobs?{query}"))["items"]]

    assert await ids("") == [f"job-{n}" for n in range(7)]
    assert await ids("task=fail") == ["job-4", "job-5", "job-6"]
    assert await ids("tag=even&task=hello") == ["job-0", "job-2"]
    assert await ids("state=paused") == ["job-6"]
    assert await ids("state=running") == await ids("state=failing") == ["job-3"]
    assert await ids("q=B-5") == ["job-5"]
    assert await ids("q=%25") == await ids("q=_") == await ids("state=nothing") == []

    walked, cursor = [], ""
    while cursor is not None:
        page = await api.json("GET", f"/jobs?limit=3&cursor={cursor}")
        walked += [job["id"] for job in page["items"]]
        cursor = page["next"]
    assert walked == [f"job-{n}" for n in range(7)]
    last = (await api.json("GET", "/jobs/job-3"))["last_run"]
    assert last == {"id": 2, "state": "running"}


@pytest.mark.parametrize("path", ["/jobs", "/runs"])
@pytest.mark.parametrize("limit", ["0", "-1", "501", "abc", "", "1.5", "99999999999999999999999", "%D9%A3"])
async def test_an_odd_limit_is_refused_by_name(asker: Api, path: str, limit: str) -> None:
    told = await problem(await asker("GET", f"{path}?limit={limit}"), 422)
    assert set(told["errors"]) == {"limit"}


@pytest.mark.parametrize("limit", ["1", "500"])
async def test_a_limit_within_its_bounds_is_kept(api: Api, limit: str) -> None:
    for n in range(2):
        await api.make(f"job-{n}")
    assert len((await api.json("GET", f"/jobs?limit={limit}"))["items"]) == min(int(limit), 2)


# -- acted on -------------------------------------------------------------------------------------------------------


async def test_a_job_is_paused_with_a_reason_and_resumed(api: Api) -> None:
    await api("POST", "/jobs", json=NIGHTLY)
    paused = await api.json("POST", "/jobs/nightly/pause", json={"reason": "holidays", "until": "2999-01-02T03:04"})
    assert (paused["state"], paused["reason"], paused["next_slot"]) == ("paused", "holidays", None)
    assert (paused["pause"]["by"], paused["pause"]["until"]) == ("the admin token", "2999-01-02T03:04:00Z")
    again = await api.json("POST", "/jobs/nightly/pause")
    assert (again["reason"], again["pause"]) == (None, {**paused["pause"], "until": None})
    resumed = await api.json("POST", "/jobs/nightly/resume")
    assert (resumed["state"], resumed["reason"], resumed["pause"], resumed["failures"]) == ("active", None, None, 0)
    assert resumed["next_slot"]
    assert (await api.json("POST", "/jobs/nightly/resume", json={"catch_up": "last"}))["state"] == "active"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/jobs/nightly/pause", {"reason": 3}, "reason"),
        ("/jobs/nightly/pause", {"until": 3600}, "until"),
        ("/jobs/nightly/pause", {"until": "soon"}, "until"),
        ("/jobs/nightly/pause", {"until": "2020-01-01"}, "until"),
        ("/scheduler/pause", {"reason": 3}, "reason"),
        ("/scheduler/pause", {"until": "0s"}, "until"),
        ("/scheduler/resume", {"catch_up": "some"}, "catch_up"),
        ("/jobs/nightly/resume", {"catch_up": "some"}, "catch_up"),
        ("/jobs/nightly/resume", {"catch_up": ["all"]}, "catch_up"),
        ("/jobs/nightly/run", {"args": [1]}, "args"),
        ("/jobs/nightly/run", {"args": {"times": "two"}}, "args.times"),
        ("/jobs/nightly/run", {"args": {"tims": 2}}, "args.tims"),
    ],
)
async def test_what_is_wrong_in_a_call_is_told_by_its_name(
    quiet: App, api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    await api.make("nightly")
    told = await problem(await api("POST", path, json=body), 422)
    assert set(told["errors"]) == {field}
    assert await quiet.runs.counts() == {}


async def test_a_run_takes_other_arguments_one_by_one(api: Api) -> None:
    await api.make("nightly", args={"name": "Kiel", "times": 2})
    reply = await api("POST", "/jobs/nightly/run", json={"args": {"times": 3}})
    assert reply.status_code == 202
    run = await reply.get_json()
    assert reply.headers["Location"] == f"/api/v1/runs/{run['id']}"
    assert (run["args"], run["trigger"], run["state"]) == ({"name": "Kiel", "times": 3}, "api", "queued")
    assert (await api.json("GET", "/jobs/nightly"))["args"]["times"] == 2


# -- what bad input gets --------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"schedule": {"kind": "cron", "expression": "0 3 * *"}}, {"schedule.expression"}),
    ({"schedule": {"kind": "cron"}}, {"schedule.expression"}),
    ({"schedule": {"kind": "cron", "expression": "0 3 * * *", "timezone": "Mars"}}, {"schedule.timezone"}),
    ({"schedule": {"kind": "interval", "every": -1}}, {"schedule.every"}),
    ({"schedule": {"kind": "interval", "every": 1e300}}, {"schedule.every"}),
    ({"schedule": {"kind": "once", "at": "2020-01-01T00:00:00Z"}}, {"schedule.at"}),
    ({"schedule": {"kind": "once", "at": "0001-01-01T00:00:00+14:00"}}, {"schedule.at"}),
    ({"schedule": {"kind": "once", "at": "9999-12-31T23:59:59-14:00"}}, {"schedule.at"}),
    ({"schedule": {"kind": "sometimes"}}, {"schedule"}),
    ({"schedule": {}}, {"schedule"}),
    ({"schedule": None}, {"schedule"}),
    ({"schedule": []}, {"schedule"}),
    ({"schedule": [{"kind": "manual"}, {"kind": "cron", "expression": "x"}]}, {"schedule.1.expression"}),
    ({"id": "a/b"}, {"id"}),
    ({"id": "ü"}, {"id"}),
    ({"id": 7}, {"id"}),
    ({"id": None}, {"id"}),
    ({"task": None}, {"task"}),
    ({"task": "gone"}, {"task"}),
    ({"args": {"times": "two"}}, {"args.times"}),
    ({"args": {"nmae": "x"}}, {"args.nmae"}),
    ({"args": []}, {"args"}),
    ({"args": {"name": 3, "times": None}}, {"args.name", "args.times"}),
    ({"timeout": 0}, {"timeout"}),
    ({"timeout": "soon"}, {"timeout"}),
    ({"timeout": True}, {"timeout"}),
    ({"max_runs": True}, {"max_runs"}),
    ({"priority": False}, {"priority"}),
    ({"jitter": -1}, {"jitter"}),
    ({"jitter": "30d"}, {"jitter"}),
    ({"blackouts": "sat"}, {"blackouts"}),
    ({"blackouts": ["sat,sun", "25:00-06:00", 7]}, {"blackouts.1", "blackouts.2"}),
    ({"blackouts": ["gone.ics"]}, {"blackouts.0"}),
    ({"blackouts": ["../secrets.ics"]}, {"blackouts.0"}),
    ({"condition": "gone"}, {"condition"}),
    ({"condition": "needs"}, {"condition"}),
    ({"condition": ""}, {"condition"}),
    ({"retry": {"max_attempts": 0}}, {"retry.max_attempts"}),
    ({"retry": []}, {"retry"}),
    ({"misfire": {"policy": "x"}}, {"misfire.policy"}),
    ({"overlap": "x"}, {"overlap"}),
    ({"max_running": 0}, {"max_running"}),
    ({"priority": 10**30}, {"priority"}),
    ({"tags": ["a,b"]}, {"tags.0"}),
    ({"tags": "a"}, {"tags"}),
    ({"queue": "a b"}, {"queue"}),
    ({"priorty": 1}, {"priorty"}),
    ({"description": 3}, {"description"}),
    ({"starts_at": "2031-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}, {"ends_at"}),
    ({"ends_at": "2020-01-01T00:00:00Z"}, {"ends_at"}),
    ({"id": "a/b", "task": "gone", "priority": "x", "schedule": {"kind": "cron", "expression": "x"}},
     {"id", "task", "priority", "schedule.expression"}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "wrong"), WRONG, ids=[json.dumps(fields) for fields, _ in WRONG])
async def test_every_wrong_field_is_named_and_nothing_is_stored(
    empty: App, asker: Api, fields: dict[str, Any], wrong: set[str]
) -> None:
    told = await problem(await asker("POST", "/jobs", data=json.dumps(NIGHTLY | fields)), 422)
    assert set(told["errors"]) == wrong
    assert all(text.strip()[-1] in ".?)" for text in told["errors"].values()), told
    assert await empty.jobs.all() == []


@pytest.mark.parametrize("left_out", ["id", "task", "schedule"])
async def test_what_is_needed_is_asked_for_by_name(asker: Api, left_out: str) -> None:
    fields = {name: value for name, value in NIGHTLY.items() if name != left_out}
    assert set((await problem(await asker("POST", "/jobs", json=fields), 422))["errors"]) == {left_out}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b"\xff\xfe",
        b"id=nightly",
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b'{"id": "nightly", "priority": NaN}',
        b'{"id": "nightly", "priority": Infinity}',
        b'{"id": "nightly"} x',
        b'{"id": "nightly", "description": "\\ud800"}',
        b'{"args": {"\\udc00": 1}}',
        b'{"priority": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: body[:20].decode("latin1"),
)
@pytest.mark.parametrize("path", ["/jobs", "/schedule/preview"])
async def test_a_body_that_is_no_json_object_is_refused(empty: App, asker: Api, path: str, body: bytes) -> None:
    await problem(await asker("POST", path, data=body), 400)
    assert await empty.jobs.all() == []


@pytest.mark.parametrize("path", ["/jobs/nightly/run", "/jobs/nightly/pause", "/jobs/nightly/resume"])
async def test_a_call_that_needs_no_body_still_refuses_a_bad_one(api: Api, path: str) -> None:
    await api.make("nightly")
    await problem(await api("POST", path, data=b"{"), 400)
    assert (await api("POST", path)).status_code in (200, 202)


async def test_a_body_that_is_too_large_is_refused(empty: App, asker: Api) -> None:
    body = json.dumps(NIGHTLY | {"args": {"name": "x" * 3_000_000}})
    await problem(await asker("POST", "/jobs", data=body), 413)
    assert await empty.jobs.all() == []


async def test_a_deep_argument_is_stored_or_refused_but_no_fault(asker: Api) -> None:
    deep: Any = []
    for _ in range(90):
        deep = [deep]
    reply = await asker("POST", "/jobs", data=json.dumps(NIGHTLY | {"args": {"name": deep}}))
    await problem(reply, 422)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/", "", "/jobs/a/b/c", "/runs/abc", "/runs/7", "/runs/99999999999999999999"]
)
async def test_an_unknown_address_is_told_as_a_problem(asker: Api, path: str) -> None:
    await problem(await asker("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/jobs"), ("DELETE", "/tasks"), ("POST", "/runs"), ("GET", "/schedule/preview")]
)
async def test_a_wrong_method_is_told_as_a_problem_with_the_right_ones(asker: Api, method: str, path: str) -> None:
    reply = await asker(method, path)
    await problem(reply, 405)
    assert reply.headers["Allow"]


async def test_without_a_token_every_call_is_told_as_a_problem(quiet: App) -> None:
    for path in ("/jobs", "/nowhere"):
        await problem(await quiet.site.test_client().get(f"/api/v1{path}"), 401)


async def test_other_refusals_are_problems_too(quiet: App, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await problem(await api("GET", "/jobs", headers={"Host": "evil.example"}), 400)
    await problem(await api("POST", "/jobs", json=NIGHTLY, headers={"Origin": "https://evil.example"}), 403)
    await api.make("nightly")
    await put_in_state(quiet, "nightly", JobState.FINISHED)
    await problem(await api("POST", "/jobs/nightly/pause"), 409)

    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(quiet.tasks, "all", broken)
    told = await problem(await api("GET", "/tasks"), 500)
    assert "secret detail" not in str(told)


async def test_a_session_opens_the_api_too(client: QuartClient) -> None:
    assert (await client.get("/api/v1/jobs")).status_code == 200


# -- schedules ------------------------------------------------------------------------------------------------------


async def test_a_schedule_is_told_in_words_with_its_slots(asker: Api) -> None:
    told = await asker.json(
        "POST",
        "/schedule/preview",
        json={
            "schedule": {"kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"},
            "count": 4,
            "from": "2026-03-27T12:00:00Z",
        },
    )
    assert {"words", "slots", "notes", "warnings"} <= set(told)
    assert "02:30" in told["words"]
    assert told["slots"][0] == "2026-03-28T01:30:00Z"
    assert len(told["slots"]) == 4
    assert told["notes"], "the night of the 29th has no 02:30"


@pytest.mark.parametrize(
    ("body", "slots"),
    [
        ({"schedule": {"kind": "interval", "every": "1h", "anchor": "2026-01-01T00:00:00Z"}, "count": 2},
         ["2026-03-27T13:00:00Z", "2026-03-27T14:00:00Z"]),
        ({"schedule": {"kind": "once", "at": "2026-03-27T12:00:01Z"}}, ["2026-03-27T12:00:01Z"]),
        ({"schedule": {"kind": "once", "at": "2026-03-27T12:00:00Z"}}, []),
        ({"schedule": {"kind": "once", "at": "2026-03-01T12:00:00Z"}}, []),
        ({"schedule": {"kind": "manual"}}, []),
        ({"schedule": {"kind": "cron", "expression": "0 0 * * *"}, "ends_at": "2026-03-29T12:00:00Z"},
         ["2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"]),
        ({"schedule": [{"kind": "once", "at": "2026-03-28T00:00:00Z"}, {"kind": "once", "at": "2026-03-28T00:00:00Z"}]},
         ["2026-03-28T00:00:00Z"]),
    ],
)  # fmt: skip
async def test_a_preview_ends_where_the_schedule_ends(asker: Api, body: dict[str, Any], slots: list[str]) -> None:
    told = await asker.json("POST", "/schedule/preview", json={**body, "from": "2026-03-27T12:00:00Z"})
    assert told["slots"] == slots


async def test_a_preview_starts_now_if_not_said_otherwise_and_has_ten_slots(quiet: App, api: Api) -> None:
    now = quiet.clock()
    told = await api.json("POST", "/schedule/preview", json={"schedule": {"kind": "interval", "every": 60}})
    assert len(told["slots"]) == 10
    assert moment(told["slots"][0]) > now


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "schedule"),
        ({"schedule": {"kind": "cron", "expression": "x"}}, "schedule.expression"),
        ({"schedule": {"kind": "manual"}, "count": 0}, "count"),
        ({"schedule": {"kind": "manual"}, "count": 501}, "count"),
        ({"schedule": {"kind": "manual"}, "count": True}, "count"),
        ({"schedule": {"kind": "manual"}, "count": "5"}, "count"),
        ({"schedule": {"kind": "manual"}, "from": "yesterday"}, "from"),
        ({"schedule": {"kind": "manual"}, "from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"schedule": {"kind": "manual"}, "from": "9999-12-31T23:59:59Z"}, "from"),
        ({"schedule": {"kind": "manual"}, "from": [1]}, "from"),
    ],
)
async def test_a_preview_names_what_is_wrong(asker: Api, body: dict[str, Any], field: str) -> None:
    told = await problem(await asker("POST", "/schedule/preview", json=body), 422)
    assert set(told["errors"]) == {field}


async def test_a_preview_reaches_far(asker: Api) -> None:
    for schedule in ({"kind": "cron", "expression": "0 0 29 2 *"}, {"kind": "interval", "every": "10y"}):
        body = {"schedule": schedule, "from": "2999-12-31T23:59:59Z", "count": 500}
        slots = (await asker.json("POST", "/schedule/preview", json=body))["slots"]
        assert slots == sorted(set(slots))


# -- is it well -----------------------------------------------------------------------------------------------------


async def test_health_is_told_without_a_token(app: App) -> None:
    client = app.site.test_client()
    alive = await client.get("/healthz")
    assert (alive.status_code, await alive.get_json()) == (200, {"status": "ok"})
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert await ready.get_json() == {
        "status": "ok",
        "database": True,
        "scheduler": True,
        "clock": True,
        "worker": True,
    }
    await app.scheduler.stop()
    stopped = await client.get("/readyz")
    assert (stopped.status_code, (await stopped.get_json())["scheduler"]) == (503, False)
    assert TOKEN not in str(await stopped.get_json())


async def test_a_server_whose_database_is_away_is_alive_but_not_ready(
    quiet: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable

    client = quiet.site.test_client()
    assert (await client.get("/readyz")).status_code == 200, "one that shall execute nothing needs no worker"
    monkeypatch.setattr(quiet.store, "read", away)
    assert (await client.get("/healthz")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, (await ready.get_json())["database"]) == (503, False)
    await problem(await Api(quiet)("GET", "/jobs"), 503)
