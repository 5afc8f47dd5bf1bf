"""The ledger on pages and in the API."""

from __future__ import annotations

from support import until
from visiting import Api

from cronapp.app import App

EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


async def test_the_ledger_tells_each_slot_and_follows_its_cursor(app: App) -> None:
    api = Api(app)
    await api.make("quick", schedule=EACH_SECOND)

    await until(lambda: more_than(api, 2))
    told = await api.json("GET", "/jobs/quick/slots?limit=2")
    older = await api.json("GET", f"/jobs/quick/slots?limit=2&cursor={told['next']}")
    assert told["items"][-1]["slot"] > older["items"][0]["slot"]
    settled = {"ran", "late", "skipped", "missed"}  # on a busy machine one is in the other's way
    assert {one["verdict"] for one in older["items"]} <= settled
    assert told["kept"]["promised"] >= 2
    none = await api.json("GET", "/jobs/quick/slots?until=2020-01-01T00:00:00Z")
    assert none["items"] == []
    excused = await api.json("GET", "/jobs/quick/slots?verdict=excused")
    assert (excused["items"], excused["next"]) == ([], None)
    await api.json("GET", "/jobs/quick/slots?since=yesterday", 422)
    refused = await api.json("GET", "/jobs/quick/slots?verdict=kept", 422)
    assert refused["errors"]["verdict"].startswith("Write one of not_kept, excused, ran, ")
    await api.json("GET", "/jobs/nowhere/slots", 404)


async def more_than(api: Api, count: int) -> bool:
    told = await api.json("GET", "/jobs/quick/slots")
    return sum(one["verdict"] in ("ran", "late") for one in told["items"]) > count
