"""The REST API: runs and their logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart import Response
from support import until
from visiting import Api, moment, put_lines, put_run

from cronapp.app import App
from cronapp.core.models import LogLine, LogStream, Progress, RunState
from cronapp.service.runs import Written

RUN_FIELDS = {
    *("id", "job", "task", "args", "slot", "state", "trigger", "attempt", "first_attempt", "reason", "queued_at"),
    *("started_at", "finished_at", "duration", "node", "progress", "result", "error"),
}


async def lines_of(reply: Response) -> list[dict[str, Any]]:
    assert reply.status_code == 200
    assert reply.content_type == "application/x-ndjson"
    text = (await reply.get_data()).decode()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


# -- told -----------------------------------------------------------------------------------------------------------


async def test_a_run_is_told_from_its_start_to_its_result(app: App) -> None:
    api = Api(app)
    await api.make("nightly", args={"name": "Kiel"})
    opened = await api.json("POST", "/jobs/nightly/run", 202)
    assert set(opened) >= RUN_FIELDS

    async def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = await api.json("GET", f"/runs/{opened['id']}")
        return run if run["finished_at"] else None

    run = await until(ended)
    assert (run["state"], run["result"], run["error"]) == ("succeeded", {"greeted": "Kiel"}, None)
    assert (run["job"], run["task"], run["trigger"], run["attempt"]) == ("nightly", "hello", "api", 1)
    assert run["first_attempt"] == run["id"]
    assert run["node"] == app.node
    assert run["slot"] is None
    assert moment(run["queued_at"]) <= moment(run["started_at"]) <= moment(run["finished_at"])
    assert run["duration"] >= 0
    lines = await lines_of(await api("GET", f"/runs/{run['id']}/log"))
    assert [(line["seq"], line["stream"], line["level"], line["text"]) for line in lines] == [
        (1, "stdout", None, "hello Kiel")
    ]
    assert moment(lines[0]["at"])


async def test_a_failed_run_tells_its_error_with_the_traceback(app: App) -> None:
    api = Api(app)
    await api.make("failing", "fail")
    run_id = (await api.json("POST", "/jobs/failing/run", 202))["id"]

    async def ended() -> bool:
        return bool((await api.json("GET", f"/runs/{run_id}"))["finished_at"])

    await until(ended)
    run = await api.json("GET", f"/runs/{run_id}")
    assert run["state"] == "failed"
    assert (run["error"]["type"], run["error"]["message"]) == ("ValueError", "no figures")
    assert run["error"]["traceback"].rstrip().endswith("ValueError: no figures")
    assert "raise ValueError(message)" in run["error"]["traceback"]
    assert "cronapp/engine" not in run["error"]["traceback"]


async def test_progress_is_told(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    await quiet.runs.write([Written(run, [], Progress(done=3, total=10, text="Kiel"))])
    told = await api.json("GET", f"/runs/{run.id}")
    assert told["progress"] == {"done": 3, "total": 10, "text": "Kiel"}


async def test_secrets_are_masked_in_jobs_and_runs(quiet: App, api: Api, tmp_path: Any) -> None:
    tasks = tmp_path / "quiet" / "tasks.py"
    tasks.write_text(tasks.read_text() + "\nfrom pydantic import SecretStr\ndef login(key: SecretStr):\n    pass\n")
    quiet.tasks.reload()
    made = await api.make("login", "login", args={"key": "geheim"})
    run = await api.json("POST", "/jobs/login/run", 202, json={"args": {"key": "geheimer"}})
    listed = [await api.json("GET", "/jobs"), await api.json("GET", "/runs"), await api.json("GET", "/jobs/login")]
    assert "geheim" not in json.dumps([made, run, *listed])
    await api.json("PUT", "/jobs/login", json=made)
    kept = (await quiet.jobs.get("login")).spec.args
    assert quiet.tasks.opened(kept) == {"key": "geheim"}, "the mask that came back is what is stored"
    assert quiet.tasks.opened((await quiet.runs.get(run["id"])).args) == {"key": "geheimer"}


# -- lists ----------------------------------------------------------------------------------------------------------


async def test_runs_are_listed_newest_first_by_pages_and_filters(quiet: App, api: Api) -> None:
    for job_id in ("a", "b"):
        await api.make(job_id)
    a, b = await quiet.jobs.get("a"), await quiet.jobs.get("b")
    ids = [(await put_run(quiet, job, state)).id for job in (a, b) for state in RunState]
    newest = sorted(ids, reverse=True)

    async def listed(query: str) -> list[int]:
        return [run["id"] for run in (await api.json("GET", f"/runs?{query}"))["items"]]

    assert await listed("") == newest
    assert await listed("job=a") == newest[len(RunState) :]
    assert await listed("job=gone") == []
    for state in RunState:
        only = await api.json("GET", f"/runs?job=b&state={state}")
        assert [run["state"] for run in only["items"]] == [state]
    walked: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.json("GET", f"/runs?limit=4{'&cursor=' + cursor if cursor else ''}")
        assert len(page["items"]) <= 4
        walked += [run["id"] for run in page["items"]]
        cursor = page["next"]
    assert walked == newest


async def test_runs_are_listed_by_the_time_they_were_opened(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)

    async def count(name: str, at: datetime) -> int:
        reply = await api("GET", "/runs", query_string={name: at.isoformat()})
        return len((await reply.get_json())["items"])

    tick = timedelta(microseconds=1)
    assert await count("since", run.queued_at) == 1
    assert await count("since", run.queued_at + tick) == 0
    assert await count("until", run.queued_at + tick) == 1
    assert await count("until", run.queued_at) == 0
    elsewhere = (run.queued_at - tick).astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert len((await api.json("GET", f"/runs?since={elsewhere}"))["items"]) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=abc", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=99999999999999999999999", "cursor"),
        ("since=yesterday", "since"),
        ("until=x", "until"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("since=1e400", "since"),
        ("since=99999999999999999999", "since"),
    ],
)
async def test_an_odd_question_is_refused_by_name(asker: Api, query: str, field: str) -> None:
    told = await asker.json("GET", f"/runs?{query}", 422)
    assert set(told["errors"]) == {field}


# -- ended and tried again ------------------------------------------------------------------------------------------


async def test_a_waiting_run_is_cancelled_at_once(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await api.json("POST", "/jobs/nightly/run", 202)
    told = await api.json("POST", f"/runs/{run['id']}/cancel", 202)
    assert (told["state"], told["reason"]) == ("cancelled", "Cancelled by hand.")
    again = await api.json("POST", f"/runs/{run['id']}/cancel", 409)
    assert "ended" in again["detail"]
    await api.json("POST", "/runs/99/cancel", 404)


async def test_a_running_run_is_asked_to_stop_and_does(app: App) -> None:
    api = Api(app)
    await api.make("long", "wait", args={"seconds": 60})
    run_id = (await api.json("POST", "/jobs/long/run", 202))["id"]

    async def state() -> str:
        return str((await api.json("GET", f"/runs/{run_id}"))["state"])

    async def has_begun() -> bool:
        return bool(app.runner.live)

    await until(has_begun)
    assert (await api.json("POST", f"/runs/{run_id}/cancel", 202))["state"] in ("running", "cancelled")

    async def ended() -> bool:
        return await state() == "cancelled"

    await until(ended)


async def test_an_ended_run_is_tried_again_with_its_arguments(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await api.json("POST", "/jobs/nightly/run", 202, json={"args": {"name": "Kiel"}})
    waiting = await api.json("POST", f"/runs/{run['id']}/retry", 409)
    assert "not ended" in waiting["detail"]
    await api.json("POST", f"/runs/{run['id']}/cancel", 202)
    reply = await api("POST", f"/runs/{run['id']}/retry")
    again = await reply.get_json()
    assert reply.headers["Location"] == f"/api/v1/runs/{again['id']}"
    assert (again["attempt"], again["first_attempt"], again["args"]) == (2, run["id"], {"name": "Kiel"})
    assert again["trigger"] == "api"
    await api("DELETE", "/jobs/nightly")
    await api.json("POST", f"/runs/{again['id']}/retry", 404)
    await api.json("POST", "/runs/99/retry", 404)


# -- logs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def logged(quiet: App, api: Api) -> int:
    """A run with 4,500 lines, of which some are special."""
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    await put_lines(quiet, run, [f"line {n}" for n in range(1, 4499)])
    await put_lines(quiet, run, ["disk is 90% full_now \\ ü"], level="WARNING")
    await put_lines(quiet, run, ["two\rparts </hx-partial>"], level="ERROR")
    return run.id


async def test_a_log_is_told_whole_without_a_gap(api: Api, logged: int) -> None:
    lines = await lines_of(await api("GET", f"/runs/{logged}/log"))
    assert [line["seq"] for line in lines] == list(range(1, 4501))
    assert set(lines[0]) == {"seq", "at", "stream", "level", "text"}
    assert lines[-1]["text"] == "two\rparts </hx-partial>"
    assert (lines[-1]["stream"], lines[-1]["level"]) == ("log", "ERROR")


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("after=4498", [4499, 4500]),
        ("after=4500", []),
        ("after=0&level=warning", [4499]),
        ("level=ERROR", [4500]),
        ("level=debug", []),
        ("q=DISK", [4499]),
        ("q=90%25", [4499]),
        ("q=full_", [4499]),
        ("q=fullxnow", []),
        ("q=%5C", [4499]),
        ("q=%C3%BC", [4499]),
        ("q=line+449", [449, *range(4490, 4499)]),
        ("q=line+449&after=4495", [4496, 4497, 4498]),
        ("after=9223372036854775807", []),
    ],
)
async def test_a_log_can_be_asked_for_in_part(api: Api, logged: int, query: str, seqs: list[int]) -> None:
    lines = await lines_of(await api("GET", f"/runs/{logged}/log?{query}"))
    assert [line["seq"] for line in lines] == seqs


@pytest.mark.parametrize("after", ["abc", "-1", "1.5", "99999999999999999999999"])
async def test_an_odd_place_in_a_log_is_refused(api: Api, logged: int, after: str) -> None:
    assert set((await api.json("GET", f"/runs/{logged}/log?after={after}", 422))["errors"]) == {"after"}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain, application/x-ndjson;q=0.5", "text/plain; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/json", "application/x-ndjson"),
        ("*/*", "application/x-ndjson"),
        ("", "application/x-ndjson"),
        ("image/png", "application/x-ndjson"),
    ],
)
async def test_a_log_comes_as_lines_of_json_or_as_text(api: Api, logged: int, accept: str, kind: str) -> None:
    reply = await api("GET", f"/runs/{logged}/log?after=4498", headers={"Accept": accept} if accept else {})
    assert reply.content_type == kind
    text = (await reply.get_data()).decode()
    if kind.startswith("text/plain"):
        assert text.split("\n")[0].endswith("Z WARNING: disk is 90% full_now \\ ü")
    else:
        assert json.loads(text.split("\n")[0])["seq"] == 4499


async def test_bytes_that_are_no_text_come_as_they_were_in_the_text_and_as_marks_in_json(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    line = LogLine(seq=1, at=quiet.clock(), stream=LogStream.STDOUT, level=None, text="caf\ufffd", raw=b"caf\xe9")
    await quiet.runs.write([Written(run, [line], None)])
    assert (await lines_of(await api("GET", f"/runs/{run.id}/log")))[0]["text"] == "caf\ufffd"
    text = await api("GET", f"/runs/{run.id}/log", headers={"Accept": "text/plain"})
    assert (await text.get_data()).endswith(b"Z stdout: caf\xe9\n")


async def test_the_stack_of_a_running_run_is_told_and_of_no_other(app: App) -> None:
    api = Api(app)
    await api.make("holding", "hold", args={"seconds": 60})
    run_id = (await api.json("POST", "/jobs/holding/run", 202))["id"]

    async def seen() -> dict[str, Any] | None:
        reply = await api("GET", f"/runs/{run_id}/stack")
        told: dict[str, Any] = json.loads(await reply.get_data())
        return told if reply.status_code == 200 and told["last_line_at"] and "in hold" in told["stack"] else None

    told = await until(seen)
    assert set(told) == {"run", "run_in", "stack", "memory", "last_line_at", "at"}
    assert (told["run"], told["run_in"], told["memory"]) == (run_id, "thread", None)
    assert moment(told["last_line_at"]) <= moment(told["at"])
    await api.json("POST", f"/runs/{run_id}/cancel", 202)

    async def refused() -> bool:
        return (await api("GET", f"/runs/{run_id}/stack")).status_code == 409

    await until(refused)
    assert "nothing to look into" in (await api.json("GET", f"/runs/{run_id}/stack", 409))["detail"]
    await api.json("GET", "/runs/99/stack", 404)


async def test_a_run_without_a_line_has_an_empty_log(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SKIPPED)
    assert await lines_of(await api("GET", f"/runs/{run.id}/log")) == []
    await api.json("GET", "/runs/99/log", 404)


async def test_each_stream_is_told_by_its_name(quiet: App, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    at = quiet.clock()
    lines = [LogLine(seq=n + 1, at=at, stream=s, level=None, text=str(s)) for n, s in enumerate(LogStream)]
    await quiet.runs.write([Written(run, lines, None)])
    told = await lines_of(await api("GET", f"/runs/{run.id}/log"))
    assert [line["stream"] for line in told] == ["stdout", "stderr", "log", "system"]
    assert all(moment(line["at"]) == at for line in told)


async def test_the_figures_are_those_of_the_overview(quiet: App, api: Api) -> None:
    await api.make("nightly", schedule={"kind": "cron", "expression": "0 3 * * *"})
    job = await quiet.jobs.get("nightly")
    for state in (RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED):
        await put_run(quiet, job, state)
    told = await api.json("GET", "/stats")
    assert told["day"] == {"runs": 3, "succeeded": 2, "failed": 1, "share": 2 / 3}
    assert (told["running"], told["queued"], told["jobs"]["active"], told["jobs"]["failing"]) == (0, 1, 1, 1)


async def test_a_server_that_executes_nothing_says_so(quiet: App, api: Api) -> None:
    (told,) = (await api.json("GET", "/workers"))["items"]
    assert (told["id"], told["kind"], told["concurrency"]) == (quiet.node, "server", 0)
    assert (await api.json("GET", "/stats"))["jobs"]["all"] == 0
