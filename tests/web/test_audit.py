"""The audit: its page, its files, and the API."""

from __future__ import annotations

import csv
import io
import json

import pytest
from quart.testing import QuartClient
from visiting import EVIL, Api, Stream, page_of

from cronapp.app import App
from cronapp.store import audit
from cronapp.store.store import Tx


async def actions(client: QuartClient, query: str = "") -> list[str]:
    page = await page_of(client, f"/settings/audit{query}")
    return [one.attrs["data-action"] for one in page.all("tr") if "data-action" in one.attrs]


async def put(app: App, *rows: tuple[str, str], reason: str | None = None) -> None:
    """Rows of the audit, each an action and its target."""

    def change(tx: Tx) -> None:
        for action, target in rows:
            audit.note(tx, app.clock(), action, target, after={"name": target}, reason=reason)

    await app.store.write(change)


async def test_the_page_tells_who_did_what_with_what_was_different(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly", args={"name": "Kiel"})
    await api.json("PATCH", "/jobs/nightly", json={"args": {"name": "Ulm"}})
    run = await api.json("POST", "/jobs/nightly/run", 202)
    await client.post("/jobs/nightly/pause", form={"reason": EVIL, "until": ""})
    assert (await actions(client))[:4] == ["job.paused", "run.started", "job.edited", "job.created"]
    page = await page_of(client, "/settings/audit")
    assert EVIL in page.text
    assert {'"Kiel"', '"Ulm"'} <= {one.text for one in page.all("span")}
    assert page.one("a", href=f"/runs/{run['id']}").text == f"#{run['id']}"
    assert "the admin token" in page.text


async def test_the_page_is_filtered_and_paged(quiet: App, client: QuartClient) -> None:
    await put(
        quiet, *[("job.edited", f"job-{n:02}") for n in range(60)], ("limit.set", "queue mail"), ("odd.deed", "x")
    )
    assert await actions(client, "?action=scheduler") == ["limit.set"]
    assert await actions(client, "?target=job-07&by=Cron-App&action=job.edited") == ["job.edited"]
    assert await actions(client, "?target=job-07&by=ada") == []
    assert "Nothing fits" in (await page_of(client, "/settings/audit?since=2199-01-01")).text
    assert "Odd deed" in (await page_of(client, "/settings/audit?target=x&since=yesterday&cursor=x")).text
    page = await page_of(client, "/settings/audit?by=Cron-App")
    following = page.one("a", rel="next").attrs["href"]
    assert following.startswith("/settings/audit?by=Cron-App&cursor=")
    assert len(await actions(client, following.removeprefix("/settings/audit"))) == 12
    assert page.one("option", value="limit.set").text == "Limit set"


async def test_the_newest_page_follows_what_happens(quiet: App, api: Api) -> None:
    await api.make("nightly")
    async with Stream(quiet, "settings:audit", at="/settings/audit?target=nightly") as stream:
        await stream.html()
        await api("DELETE", "/jobs/nightly")
        assert "Job removed" in await stream.until("#settings-audit")
        await api("POST", "/drain")
        assert "Server emptied for a restart" not in await stream.html()


async def test_the_api_tells_the_same_by_pages_and_as_lines(quiet: App, api: Api) -> None:
    await api.make("nightly")
    await put(quiet, *[("limit.set", f"queue q{n}") for n in range(3)])
    told = await api.json("GET", "/audit?action=jobs")
    (row,) = told["items"]
    assert told["next"] is None
    assert (row["by"], row["action"], row["words"], row["target"]) == (
        "the admin token",
        "job.created",
        "Job created",
        "nightly",
    )
    assert row["before"] is None
    assert row["after"] == {"task": "hello", "schedule": "by hand"}
    first = await api.json("GET", "/audit?action=limit.set&limit=2")
    assert [one["target"] for one in first["items"]] == ["queue q2", "queue q1"]
    rest = await api.json("GET", f"/audit?action=limit.set&limit=2&cursor={first['next']}")
    assert [one["target"] for one in rest["items"]] == ["queue q0"]
    reply = await api("GET", "/audit?action=scheduler", headers={"Accept": "application/x-ndjson"})
    assert reply.content_type == "application/x-ndjson"
    lines = (await reply.get_data(as_text=True)).splitlines()
    assert [json.loads(line) for line in lines] == [*first["items"], *rest["items"]]
    await api.json("GET", "/audit?since=yesterday", 422)


async def test_the_files_hold_all_that_fits_and_nothing_that_does_harm(
    quiet: App, client: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronapp.service.audit.PIECE", 2)
    wicked = ["=cmd|' /C calc'!A0", "@SUM(1)", 'a\nb,"c"\u2028\x1b[31m', "plain"]
    await put(quiet, *[("job.edited", one) for one in wicked], reason="-1\n+2")
    await put(quiet, ("limit.set", "queue x"))
    reply = await client.get("/settings/audit.csv?action=jobs")
    assert reply.content_type == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    text = await reply.get_data(as_text=True)
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["target"] for row in table] == ["plain", r'a\nb,"c"\u2028\x1b[31m', "'@SUM(1)", "'=cmd|' /C calc'!A0"]
    assert {row["reason"] for row in table} == {r"'-1\n+2"}
    assert json.loads(table[0]["after"]) == {"name": "plain"}
    assert text.count("\n") == 5
    reply = await client.get("/settings/audit.jsonl?action=jobs")
    lines = (await reply.get_data(as_text=True)).splitlines()
    assert [json.loads(line)["target"] for line in lines] == wicked[::-1]
    assert all(line.isprintable() for line in lines)
