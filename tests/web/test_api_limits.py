"""The API of limits, backfills, and of trying again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from support import until
from visiting import Api

from cronapp.app import App

MINUTELY = {"kind": "cron", "expression": "* * * * *"}


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def ended(api: Api, run_id: int) -> dict[str, Any]:
    async def over() -> dict[str, Any] | None:
        run: dict[str, Any] = await api.json("GET", f"/runs/{run_id}")
        return run if run["finished_at"] else None

    return await until(over)


async def test_a_backfill_is_previewed_opened_and_carried_out_in_order(app: App) -> None:
    api = Api(app)
    await api.make("minutely", schedule=MINUTELY)
    window = {"from": ago(30), "to": ago(25)}
    seen = await api.json("POST", "/jobs/minutely/backfill", json=window | {"dry_run": True})
    opened = await api.json("POST", "/jobs/minutely/backfill", 202, json=window)
    assert (seen["slots"], len(seen["times"])) == (opened["slots"], len(opened["runs"]))
    assert opened["slots"] in (5, 6)
    runs = [await ended(api, run_id) for run_id in opened["runs"]]
    assert {(run["trigger"], run["backfill"], run["state"]) for run in runs} == {
        ("backfill", opened["id"], "succeeded")
    }
    assert [run["slot"] for run in runs] == seen["times"]
    assert all(one["finished_at"] <= two["started_at"] for one, two in pairwise(runs))
    (row,) = (await api.json("GET", "/jobs/minutely/backfills"))["items"]
    assert (row["done"], row["waiting"], row["by"]) == (opened["slots"], 0, "the admin token")
    listed = await api.json("GET", f"/runs?backfill={opened['id']}")
    assert {run["id"] for run in listed["items"]} == set(opened["runs"])


async def test_a_wrong_backfill_names_its_fields(app: App) -> None:
    api = Api(app)
    await api.make("minutely", schedule=MINUTELY)
    problem = await api.json("POST", "/jobs/minutely/backfill", 422, json={"from": "yesterday", "speed": 1})
    assert set(problem["errors"]) == {"from", "to", "speed"}
    await api.json("POST", "/jobs/nowhere/backfill", 404, json={"from": ago(2), "to": ago(1)})


async def test_limits_are_set_listed_and_taken_away(app: App) -> None:
    api = Api(app)
    assert await api.json("PUT", "/limits/queue/mail", json={"rate": "10 per m", "max_running": 2}) == {
        "kind": "queue",
        "name": "mail",
        "max_running": 2,
        "rate": "10/m",
    }
    await api.make("a", group="db")
    rows = (await api.json("GET", "/limits"))["items"]
    assert [(row["kind"], row["name"], row["max_running"]) for row in rows] == [
        ("group", "db", 1),
        ("queue", "mail", 2),
    ]
    assert (await api("DELETE", "/limits/queue/mail")).status_code == 204
    assert set((await api.json("PUT", "/limits/queue/mail", 422, json={"rate": "x"}))["errors"]) == {"rate"}


async def test_all_that_failed_alike_are_tried_again(app: App) -> None:
    api = Api(app)
    for job_id in ("one", "two"):
        await api.make(job_id, task="fail")
    await api.make("other", task="needs", args={"day": "2026-01-31", "count": 1})
    failed = [await ended(api, (await api.json("POST", f"/jobs/{job}/run", 202))["id"]) for job in ("one", "two")]
    first = failed[0]["id"]
    seen = await api.json("POST", f"/runs/{first}/retry-like", json={"dry_run": True})
    assert seen["alike"] == [run["id"] for run in failed]
    again = await api.json("POST", f"/runs/{first}/retry-like", 202)
    assert again["retried"] == 2
    assert [(await ended(api, run_id))["attempt"] for run_id in again["runs"]] == [2, 2]
    seen = await api.json("POST", f"/runs/{first}/retry-like", json={"dry_run": True})
    assert seen["alike"] == again["runs"]  # the newest attempts take the place of those before


async def test_a_waiting_attempt_starts_at_once_when_it_is_asked_for(app: App) -> None:
    api = Api(app)
    await api.make("patient", task="fail", retry={"max_attempts": 2, "delay": "1h"})
    first = await ended(api, (await api.json("POST", "/jobs/patient/run", 202))["id"])
    second = await api.json("POST", f"/runs/{first['id']}/retry", 202)
    assert (second["attempt"], second["trigger"]) == (2, "retry")
    assert (await ended(api, second["id"]))["state"] == "failed"


async def test_an_exception_that_the_rule_does_not_name_is_not_tried_again_and_the_run_says_so(app: App) -> None:
    api = Api(app)
    await api.make("choosy", task="fail", retry={"max_attempts": 3, "delay": 0, "on": ["KeyError"]})
    run = await ended(api, (await api.json("POST", "/jobs/choosy/run", 202))["id"])
    assert run["reason"] == "Not tried again: ValueError is not among what its retry rule names (KeyError)."
    assert len((await api.json("GET", "/runs?job=choosy"))["items"]) == 1
