"""The page of one run: its pace, what broke, what changed, and its arguments as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from quart.testing import QuartClient
from visiting import Api, page_of, put_in_state, put_lines, put_run

from cronapp.app import App
from cronapp.core.models import JobState, Run, RunError, RunState
from cronapp.core.traces import Frame, Problem
from cronapp.core.usual import Usual
from cronapp.web.pace import about, pace_of

OWN = Frame(file="tasks.py", path="/srv/tasks.py", line=42, function="fetch", own=True, first=41, source=("a", "b"))
LIBRARY = Frame(file="httpx/_client.py", path="/venv/httpx/_client.py", line=9, function="send", own=False)
PROBLEM = Problem(type="ValueError", message="no figures", frames=(LIBRARY, OWN, LIBRARY, LIBRARY))
USUAL = Usual(median=10, p95=14, limit=14, count=20)


async def failed(quiet: App, api: Api, *problems: Problem) -> Run:
    await api.make("nightly")
    job = await put_in_state(quiet, "nightly", JobState.ACTIVE)
    good = await put_run(quiet, job, RunState.SUCCEEDED)
    await put_lines(quiet, good, ["connecting", "stored"])
    error = RunError("ValueError", "\x1b[31mno\x1b[0m figures", "Traceback …", problems=problems)
    return await put_run(quiet, job, RunState.FAILED, error=error)


async def test_own_frames_stand_open_and_those_of_libraries_are_folded(
    quiet: App, client: QuartClient, api: Api
) -> None:
    run = await failed(quiet, api, PROBLEM)
    page = await page_of(client, f"/runs/{run.id}")
    assert "2 frames in httpx" in page.text
    assert "\x1b" not in page.text
    folded = [
        ("open" in one.attrs, one.attrs.get("class", ""))
        for one in page.all("details")
        if one.attrs.get("class") != "menu"
    ]
    assert folded == [(False, ""), (True, ""), (False, ""), (False, "raw")]
    assert page.one("li", class_="hit").attrs["aria-current"] == "true"


async def test_where_there_is_no_frame_of_ones_own_the_innermost_ones_stand_open(
    quiet: App, client: QuartClient, api: Api
) -> None:
    alone = replace(PROBLEM, frames=(LIBRARY,))
    run = await failed(quiet, api, alone, replace(alone, link="cause"))
    page = await page_of(client, f"/runs/{run.id}")
    frames, of_its_cause, _ = [one for one in page.all("details") if one.attrs.get("class") != "menu"]
    assert "open" in frames.attrs
    assert "open" not in of_its_cause.attrs, "it tells less than what came of it"


async def test_a_run_from_before_frames_were_kept_shows_its_traceback(
    quiet: App, client: QuartClient, api: Api
) -> None:
    run = await failed(quiet, api)
    page = await page_of(client, f"/runs/{run.id}")
    assert page.one("pre", id="run-traceback").text == "Traceback …"
    assert "open" in page.one("details", class_="raw").attrs
    assert not page.all("ol", class_="frames")


async def test_what_changed_is_on_the_page_and_in_the_api(quiet: App, client: QuartClient, api: Api) -> None:
    run = await failed(quiet, api, PROBLEM)
    page = await page_of(client, f"/runs/{run.id}")
    assert "Since it last worked" in page.text
    assert "The log ends here." in page.text
    told = await api.json("GET", f"/runs/{run.id}/comparison")
    assert (told["run"], told["before"], told["nothing_changed"]) == (run.id, run.id - 1, False)
    assert [line["text"] for line in told["log"]["before"]] == ["connecting", "stored"]
    assert told["log"]["now"] == []
    missing = await api.json("GET", f"/runs/{run.id - 1}/comparison", 404)
    assert "went wrong" in missing["detail"]


async def test_frames_are_in_the_api_of_one_run_and_not_in_lists(quiet: App, api: Api) -> None:
    run = await failed(quiet, api, PROBLEM)
    told = await api.json("GET", f"/runs/{run.id}")
    assert [frame["own"] for frame in told["error"]["frames"][0]["frames"]] == [False, True, False, False]
    listed = await api.json("GET", "/runs?state=failed")
    assert "frames" not in listed["items"][0]["error"]


async def test_arguments_and_result_can_be_had_as_json(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly", args={"name": "Küste"})
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED, result=[1, {"a": None}])
    args = await client.get(f"/runs/{run.id}/args.json")
    assert await args.get_json() == {"name": "Küste"}
    assert await (await client.get(f"/runs/{run.id}/result.json")).get_json() == [1, {"a": None}]


@pytest.mark.parametrize(
    ("seconds", "left", "beyond"), [(2.0, "about 8 s left", False), (12.0, "", False), (14.5, "", True)]
)
async def test_the_pace_of_a_run_turns_beyond_what_is_usual(
    quiet: App, api: Api, seconds: float, left: str, beyond: bool
) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    assert run.started_at is not None
    pace = pace_of(run, USUAL, run.started_at + timedelta(seconds=seconds))
    assert (pace.left, pace.beyond) == (left, beyond)
    assert bool(pace.warning) is beyond
    assert float(pace.share) <= 100
    assert float(pace.usual) < float(pace.p95) < 100


def test_rough_durations() -> None:
    assert [about(seconds) for seconds in (0, 4.2, 61, 3601)] == ["1 s", "5 s", "2 min", "2 h"]
