"""Requests that are too large, too deep, too slow or ambiguous are refused, and cost nothing but themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from support import TOKEN
from visiting import Api, Page, settings_in, signed_in

from cronapp.app import App

JOB = '{"id": "deep", "task": "hello", "schedule": {"kind": "manual"}, "args": %s}'


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


BAD = {
    "deep lists": JOB % f'{{"name": {nested(101)}}}',
    "deep objects": JOB % nested(101, '{"a":', "}"),
    "deeper than the stack": JOB % nested(100_000),
    "never closed": "[" * 1_000_000,
    "a name twice": '{"id": "one", "id": "two", "task": "hello", "schedule": {"kind": "manual"}}',
    "a name twice within": JOB % '{"name": "a", "name": "b"}',
    "infinity": JOB % '{"times": 1e999}',
    "minus infinity": JOB % '{"times": -1e999}',
    "no number": JOB % '{"times": NaN}',
    "a number of too many digits": JOB % ('{"times": ' + "9" * 5000 + "}"),
    "NUL": JOB % '{"name": "a\\u0000b"}',
    "NUL in a name": JOB % '{"a\\u0000b": 1}',
    "half a surrogate": JOB % '{"name": "\\ud800"}',
    "no UTF-8": b'{"id": "\xff"}',
    "a list": "[]",
    "nothing": "",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_a_body_that_is_not_plain_json_is_refused(asker: Api, body: str | bytes) -> None:
    for method, path in (("POST", "/jobs"), ("POST", "/jobs/none/run"), ("POST", "/schedule/preview")):
        reply = await asker(method, path, data=body)
        if method == "POST" and path.endswith("/run") and body == "":
            continue  # nothing is needed there
        assert reply.status_code == 400, f"{path}: {await reply.get_data(as_text=True)}"
        assert reply.content_type == "application/problem+json"


async def test_what_is_large_or_deep_but_plain_is_taken(api: Api) -> None:
    made = await api.make("deep", task="hello", args={"name": "x" * 10_000})
    assert len(made["args"]["name"]) == 10_000
    for value in (10**18, 2**64, 10**300, json.loads(nested(90))):
        reply = await api("POST", "/jobs/deep/run", json={"args": {"times": value}})
        assert reply.status_code < 500, f"{value!r}: {await reply.get_data(as_text=True)}"


@pytest.mark.parametrize("value", [nested(100_000), nested(500), "1e999", "9" * 5000, "\0", "ü" * 1000])
async def test_a_form_that_holds_such_json_is_answered(quiet: App, value: str) -> None:
    client = await signed_in(quiet)
    form = {"id": "deep", "task": "hello", "schedule.kind": "manual", "args.name": value, "args.times": value}
    for path in ("/jobs/new", "/form/preview", "/form/args", "/form/test"):
        reply = await client.post(path, form={**form, "base": value})
        assert reply.status_code < 500, f"{path}: {await reply.get_data(as_text=True)}"


async def test_a_body_beyond_two_megabytes_is_refused(quiet: App, client: QuartClient, api: Api) -> None:
    reply = await api("POST", "/jobs", data="x" * (2 * 1024 * 1024 + 1))
    assert reply.status_code == 413
    reply = await client.post("/jobs/new", form={"id": "x" * (2 * 1024 * 1024)})
    assert (reply.status_code, "Too large" in Page(await reply.get_data(as_text=True)).text) == (413, True)


async def test_a_body_that_says_nothing_of_its_length_is_cut_off_too(quiet: App) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with quiet.site.test_client().request("/api/v1/jobs", method="POST", headers=headers) as asked:
        for _ in range(33):
            await asked.send(b"x" * 65_536)
        await asked.send_complete()
    assert (await asked.as_response()).status_code == 413


@pytest.mark.parametrize("path", ["/login", "/api/v1/jobs"])
async def test_a_body_that_does_not_come_is_not_waited_for(quiet: App, path: str) -> None:
    quiet.site.config["BODY_TIMEOUT"] = 0.1
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
    headers["Content-Length"] = "100"
    async with quiet.site.test_client().request(path, method="POST", headers=headers) as asked:
        await asked.send(b"token=")
    assert (await asked.as_response()).status_code == 408


async def test_no_place_for_a_text_takes_what_postgresql_cannot_hold(tmp_path: Path, postgres_url: str) -> None:
    settings = settings_in(tmp_path).model_copy(update={"database": postgres_url})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        await Api(app).make("job")
        client = await signed_in(app)
        for path in ("/jobs?q=%00", "/runs?q=%00&args=a%3D%00&job=%00", "/jobs/%00", "/logs?q=%00", "/search?q=%00"):
            assert (await client.get(path)).status_code in (200, 404), path
        for path in ("/jobs/job/pause", "/jobs/job/notes", "/jobs/new", "/form/preview"):
            form = {
                "reason": "a\0b",
                "text": "a\0b",
                "id": "a\0b",
                "description": "a\0b",
                "args.name": "\0",
                "task": "hello",
            }
            reply = await client.post(path, form={**form, "schedule.kind": "manual", "\0": "\0"})
            assert reply.status_code < 500, path
        assert (await app.jobs.get("job")).reason == "a\ufffdb"
    finally:
        await app.close()


ODD: list[dict[str, Any]] = [
    {"query_string": {"cursor": "x" * 5000}},
    {"query_string": {"limit": "9" * 5000}},
    {"query_string": {"q": "%" * 5000}},
    {"query_string": {"q": "\0"}},
    {"headers": {"Accept-Encoding": "gzip;q=nan"}},
    {"headers": {"Accept": "," * 5000}},
    {"headers": {"If-Match": "9" * 5000}},
    {"headers": {"Idempotency-Key": "\xff" * 300}},
    {"headers": {"Cookie": "=" * 5000}},
    {"headers": {"Content-Type": "multipart/form-data"}, "data": b"--x"},
    {"headers": {"Content-Type": "multipart/form-data; boundary=x"}, "data": b"--x\r\n" * 1000},
    {"headers": {"Content-Type": "application/x-www-form-urlencoded; charset=utf-7"}, "data": b"+AGE-=%ff%00"},
    {"headers": {"Range": "bytes=0-,0-,0-"}},
    {"headers": {"If-Modified-Since": "yesterday"}},
    {"headers": {"Content-Length": "-1"}},
    {"headers": {"Last-Event-ID": "\xff" * 1000}},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_odd_requests_are_answered_without_a_fault(quiet: App, odd: dict[str, Any]) -> None:
    client = await signed_in(quiet)
    for method, path in (("GET", "/jobs"), ("GET", "/runs"), ("GET", "/static/app.css"), ("POST", "/jobs/new")):
        options = odd if method == "POST" or "data" not in odd else {**odd, "data": None}
        reply = await client.open(path, method=method, **options)
        assert reply.status_code < 500, f"{method} {path}: {await reply.get_data(as_text=True)}"
    reply = await client.open("/api/v1/jobs", headers={"Authorization": f"Bearer {TOKEN}", **odd.get("headers", {})})
    assert reply.status_code < 500


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_number_beyond_all_rows_is_that_of_none(asker: Api, method: str) -> None:
    for number in (2**63 - 1, 2**63, 10**40):
        reply = await asker(method, f"/tokens/{number}", json={"name": "other"} if method == "PATCH" else None)
        assert (reply.status_code, (await reply.get_json())["title"]) == (404, "Token not found")


async def test_an_open_address_says_to_strangers_how_it_may_be_asked(quiet: App) -> None:
    stranger = quiet.site.test_client(use_cookies=False)
    reply = await stranger.open("/healthz", method="DELETE")
    assert (reply.status_code, reply.content_type) == (405, "application/problem+json")
    assert "GET" in reply.headers["Allow"]
    assert (await stranger.open("/api/v1/jobs", method="TRACE")).status_code == 401


@pytest.mark.parametrize("moment", [0, 1.5, True, "1700000000", " 12 "])
async def test_a_moment_of_a_job_is_no_number(asker: Api, moment: Any) -> None:
    job = {"id": "late", "task": "hello", "schedule": {"kind": "once", "at": moment}, "starts_at": moment}
    told = await asker.json("POST", "/jobs", 422, json=job)
    assert told["errors"].keys() == {"schedule.at", "starts_at"}
    assert (await asker("GET", f"/runs?since={moment}")).status_code == 422


@pytest.mark.parametrize(
    ("field", "value"),
    [("until", 0), ("until", ""), ("since", False), ("q", ""), ("job", []), ("error", 0), ("state", [])],
)
async def test_a_filter_that_says_nothing_is_not_that_of_all_runs(asker: Api, field: str, value: Any) -> None:
    told = await asker.json("POST", "/runs/bulk", 422, json={"action": "retry", "filter": {field: value}})
    assert told["errors"].keys() == {f"filter.{field}"}


async def test_a_change_of_many_is_dry_only_where_it_says_so(api: Api) -> None:
    await api.make("nightly")
    for path, body in (
        ("/jobs/bulk", {"ids": ["nightly"], "action": "remove"}),
        ("/runs/bulk", {"ids": [1], "action": "retry"}),
    ):
        told = await api.json("POST", path, 422, json={**body, "dry_run": "no"})
        assert told["errors"] == {"dry_run": "Write true or false."}
    await api.json("GET", "/jobs/nightly")
