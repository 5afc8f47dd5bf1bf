"""The overview, the tasks, the system page and the settings, without a browser."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from quart.testing import QuartClient
from recipes import NOW
from support import TASKS, until
from visiting import EVIL, HTMX, Api, Stream, page_of, put_in_state, put_run, settings_in, signed_in

from cronapp.app import App
from cronapp.config import MEANINGS, Settings, load_settings
from cronapp.core.events import TasksLoaded
from cronapp.core.models import JobState, RunError, RunState
from cronapp.service.pulse import HourOfRuns
from cronapp.web.agents import agent_words
from cronapp.web.highlight import lines_of
from cronapp.web.hourly import stacked
from cronapp.web.prose import Block, blocks_of
from cronapp.web.views.settings import without_password

HOURLY = {"kind": "cron", "expression": "0 * * * *"}


# -- the overview ---------------------------------------------------------------------------------------------------


async def test_the_overview_tells_how_to_begin_and_then_what_is_there(client: QuartClient, api: Api) -> None:
    page = await page_of(client, "/")
    assert "Nothing is scheduled yet" in page.text
    await api.make("nightly", schedule=HOURLY)
    page = await page_of(client, "/")
    assert "Nothing is scheduled yet" not in page.text
    assert "Nothing needs you." in page.text
    assert page.one("li", data_job="nightly", data_state="active")
    assert len([one for one in page.elements if one.tag == "svg" and one.attrs.get("class") == "hours"]) == 1


async def test_what_needs_somebody_has_the_one_action_that_helps(quiet: App, client: QuartClient, api: Api) -> None:
    for name in ("fails", "gone"):
        await api.make(name, schedule=HOURLY)
    await api.make("stops", pause_after_failures=1)
    error = RunError("ValueError", EVIL, "Traceback")
    run = await put_run(quiet, await quiet.jobs.get("fails"), RunState.FAILED, error=error)
    await put_run(quiet, await quiet.jobs.get("stops"), RunState.FAILED)
    await put_in_state(quiet, "gone", JobState.NEEDS_ATTENTION, "The task `hello` is not in the code now.")
    page = await page_of(client, "/")
    assert [one.attrs["data-trouble"] for one in page.elements if "data-trouble" in one.attrs] == [
        "needs_attention",
        "paused",
        "failing",
    ]
    assert {one.attrs.get("action") for one in page.all("form")} >= {f"/runs/{run.id}/retry", "/jobs/stops/resume"}
    assert "alert(1)" in page.text
    assert not page.all("img")


async def test_a_part_that_is_as_it_was_is_not_sent_again(quiet: App, api: Api) -> None:
    job = await api.make("nightly")
    async with Stream(quiet, "overview") as stream:
        assert "#overview-running" in await stream.html()
        run = await put_run(quiet, await quiet.jobs.get(job["id"]), RunState.RUNNING)
        html = await stream.until("#overview-running")
        assert f'data-run="{run.id}"' in html
        assert "#overview-kept" not in html
        assert "#overview-ahead" not in html


async def test_a_run_tells_its_progress_or_else_what_is_usual(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    job = await quiet.jobs.get("nightly")
    for _ in range(3):
        await put_run(quiet, job, RunState.SUCCEEDED)
    run = await put_run(quiet, job, RunState.RUNNING)
    page = await page_of(client, "/")
    assert page.one("li", data_run=str(run.id))
    assert page.one("time", data_show="left")
    assert page.one("time", data_show="late")
    assert "usually 1.5 s" in page.text


def test_the_hours_are_stacked_from_what_went_well_to_what_runs() -> None:
    counts = Counter(
        {RunState.SUCCEEDED: 90, RunState.FAILED: 1, RunState.LOST: 1, RunState.SKIPPED: 3, RunState.CANCELLED: 2}
    )
    html = str(stacked([HourOfRuns(NOW, Counter()), HourOfRuns(NOW, counts)], running=4))
    assert "90 succeeded, 2 cancelled, 3 skipped or missed, 2 failed, 4 running" in html
    places = [html.index(f'"f-{tone}"') for tone in ("ok", "off", "warn", "bad", "run")]
    assert places == sorted(places)
    assert "90 succeeded, 2 failed, 4 running" in html


# -- tasks ----------------------------------------------------------------------------------------------------------


async def test_tasks_are_found_by_words_and_tell_their_jobs(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly", schedule=HOURLY)
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.FAILED)
    page = await page_of(client, "/tasks?q=say")
    assert [one.attrs["data-task"] for one in page.all("li") if "data-task" in one.attrs] == ["hello"]
    assert {"/jobs/nightly", f"/runs/{run.id}", "/tasks/hello"} <= {one.attrs.get("href") for one in page.all("a")}
    assert "No task matches" in (await page_of(client, "/tasks?q=nowhere")).text
    async with Stream(quiet, "tasks", at="/tasks?q=say") as stream:
        assert "task-hello" in (html := await stream.html())
        assert "task-fail" not in html


async def test_a_tasks_page_tells_its_parameters_its_source_and_its_runs(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("nightly", task="needs", args={"day": "2026-03-02", "count": 3})
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)
    page = await page_of(client, "/tasks/needs")
    assert "Take arguments of several types." in page.text
    assert "must be given" in page.text
    assert page.one("tr", data_run=str(run.id))
    assert page.one("li", data_job="nightly")
    assert [one.text for one in page.all("span", class_="y-d")] == ["needs"]
    assert (await client.get("/tasks/nowhere")).status_code == 404


def rename_hello(app: App) -> None:
    Path(app.tasks.sources[0]).write_text(TASKS.replace("def hello(", "def good_day("))


async def test_a_tasks_page_says_when_its_task_is_gone(quiet: App, client: QuartClient) -> None:
    async with Stream(quiet, "task:hello") as stream:
        await stream.html()
        rename_hello(quiet)
        quiet.tasks.reload()
        quiet.bus.publish([TasksLoaded()])
        assert "is not among the tasks any more" in await stream.until("not among")


async def test_a_file_that_cannot_be_loaded_is_told_with_its_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "import os\n\nRATE = os.environ['NO_SUCH_VARIABLE']\n")
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        client = await signed_in(app)
        page = await page_of(client, "/tasks")
        assert "tasks.py:3" in page.text
        assert "RATE = os.environ['NO_SUCH_VARIABLE']" in page.text
        assert (await page_of(client, "/")).one("li", data_trouble="broken")
    finally:
        await app.close()


def test_source_is_marked_and_never_taken_for_markup() -> None:
    lines = [
        str(line)
        for line in lines_of('@task\nasync def a(b="<b>"):\n    """Two\n    lines <i>"""\n    return 1  # no\n')
    ]
    assert lines[0] == '<span class="y-a">@</span>task'
    assert '<span class="y-k">def</span> <span class="y-d">a</span>' in lines[1]
    assert '<span class="y-s">&#34;&lt;b&gt;&#34;</span>' in lines[1]
    assert lines[3] == '<span class="y-s">    lines &lt;i&gt;&#34;&#34;&#34;</span>'
    assert lines[4].endswith('<span class="y-n">1</span>  <span class="y-c"># no</span>')
    assert [str(line) for line in lines_of("x = (\n<")][1] == "&lt;", "what cannot be read stays plain"


def test_docs_are_parted_into_what_they_are_made_of() -> None:
    doc = "One\ntwo.\n\n- a\n  b\n- c\n\nArgs:\n    x: no\n\nReturns:\n    a count\n\n    code()\n\nAs here:\n* d"
    assert blocks_of(doc) == [
        Block("text", ("One two.",)),
        Block("list", ("a b", "c")),
        Block("head", ("Returns",)),
        Block("text", ("a count",)),
        Block("code", ("code()",)),
        Block("text", ("As here:",)),
        Block("list", ("d",)),
    ]


# -- settings -------------------------------------------------------------------------------------------------------


async def test_every_setting_is_told_with_where_it_comes_from(tmp_path: Path) -> None:
    assert set(MEANINGS) == set(Settings.model_fields)
    settings_in(tmp_path)
    (tmp_path / "secret").write_text("a-secret-token")
    environ = {"CRONAPP_ADMIN_TOKEN_FILE": str(tmp_path / "secret"), "CRONAPP_TIMEZONE": "Asia/Tokyo"}
    (tmp_path / "cronapp.toml").write_text("keep_days = 7\n")
    given = {"tasks": (str(tmp_path / "tasks.py"),), "database": f"sqlite:///{tmp_path / 'cronapp.db'}"}
    app = App(load_settings(given, environ, tmp_path), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        client = app.site.test_client()
        await client.post("/login", form={"token": "a-secret-token"})
        page = await page_of(client, "/settings")
        rows = page.text
        assert "a-secret-token" not in rows
        for told in ("CRONAPP_ADMIN_TOKEN_FILE", "Asia/Tokyo", "cronapp.toml", "the command line", "the default"):
            assert told in rows
        assert "CRONAPP_ADMIN_TOKEN_FILE" in (await page_of(client, "/settings/tokens")).text
    finally:
        await app.close()


def test_no_password_of_a_database_is_told() -> None:
    assert without_password("postgresql://me:secret@db:5432/x") == "postgresql://me:***@db:5432/x"
    assert without_password("sqlite:///cronapp.db") == "sqlite:///cronapp.db"


async def test_other_browsers_are_told_and_signed_out(quiet: App, client: QuartClient) -> None:
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    other = quiet.site.test_client()
    await other.post("/login", form={"token": "a-token-for-tests"}, headers=agent)
    third = await signed_in(quiet)
    page = await page_of(client, "/settings/people")
    assert "Firefox on Linux" in page.text
    ends = [one.attrs["action"] for one in page.all("form") if one.attrs.get("action", "").endswith("/end")]
    assert len(ends) == 2
    (firefox,) = [one.id for one in await quiet.signin.sessions() if "Firefox" in one.agent]
    async with Stream(quiet, "settings:people") as stream:
        await stream.html()
        reply = await client.post(f"/settings/people/{firefox}/end", headers=HTMX)
        assert reply.status_code == 200
        assert "Firefox" not in await stream.until("#settings-people")
    assert (await other.get("/jobs")).status_code == 302
    assert (await client.post(f"/settings/people/{firefox}/end", headers=HTMX)).status_code == 404
    assert "Sign out 1 other browser?" in (await page_of(client, "/settings/people/end")).text
    assert (await client.post("/settings/people/end")).status_code == 303
    assert (await third.get("/jobs")).status_code == 302
    assert (await client.get("/jobs")).status_code == 200
    assert len(await quiet.signin.sessions()) == 1


async def test_no_short_name_ends_sessions(quiet: App, client: QuartClient) -> None:
    for name in ("", "a", "%", "________________"):
        reply = await client.post(f"/settings/people/{name or '%20'}/end", headers=HTMX)
        assert reply.status_code == 404
    assert len(await quiet.signin.sessions()) == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 HeadlessChrome/140 Safari/537.36", "Chrome on Linux"),
        ("", "a browser that does not say its name"),
    ],
)
def test_browsers_are_called_as_people_call_them(agent: str, words: str) -> None:
    assert agent_words(agent) == words


# -- the system -----------------------------------------------------------------------------------------------------


async def test_the_system_page_tells_what_is_kept_and_deleted(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)
    await until(lambda: quiet._pruned is not None)
    system = await quiet.system()
    assert (system.holdings.jobs, system.holdings.runs) == (1, 1)
    assert system.memory
    page = await page_of(client, "/system")
    for told in ("nothing to delete", "schedules and serves", "the newest 10,000 of each job", "at most 1"):
        assert told in page.text
