"""Pauses outlive the server: what was paused stays so after a crash, and what was to end meanwhile ends."""

from __future__ import annotations

from typing import Any

from hurting import MARKING, make, runs_of
from support import Server, until

EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


async def test_a_paused_scheduler_stays_paused_after_a_crash_and_what_is_over_ends(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    for job in ("held", "short"):
        make(server, job, "short", EACH_SECOND, misfire={"policy": "skip"})
    await until(lambda: runs_of(server, "held"))
    assert server.api("POST", "/scheduler/pause", json={"reason": "moving house"}).status_code == 200
    assert server.api("POST", "/jobs/short/pause", json={"until": "1s"}).status_code == 200
    before = runs_of(server, "held")
    server.kill()
    server.start()
    assert server.api("GET", "/scheduler").json()["reason"] == "moving house"
    await until(lambda: server.api("GET", "/jobs/short").json()["state"] == "active")
    by_hand = server.api("POST", "/jobs/held/run").json()["id"]
    await until(lambda: server.api("GET", f"/runs/{by_hand}").json()["state"] == "succeeded")
    assert [run["id"] for run in runs_of(server, "held") if run["slot"]] == [run["id"] for run in before]

    assert server.api("POST", "/scheduler/resume", json={"catch_up": "none"}).json()["state"] == "running"

    def newer() -> list[dict[str, Any]]:
        return [run for run in runs_of(server, "held") if run["slot"]][len(before) :]

    await until(lambda: len(newer()) > 1 and newer()[-1]["state"] == "succeeded")
    gap = newer()[0]
    assert (gap["state"], gap["reason"]) == (
        "skipped",
        "The scheduler was paused by the admin token: moving house.",
    )
    assert server.stop() == 0
