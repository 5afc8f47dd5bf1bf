"""A job's page: its tabs, and what each of them tells."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest
import yaml
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, LogOnPage, Page, Stream, page_of, partials, put_lines, put_run

from cronapp.app import App
from cronapp.core.models import Job, Outcome, Run, RunState
from cronapp.store.runs import RunFilter
from cronapp.web.views.job import VIEWS
from cronapp.web.views.job.tabs import TABS, Tab

NIGHTLY = {"kind": "cron", "expression": "0 3 * * *"}
SECRET = "from pydantic import SecretStr\ndef send(key: SecretStr, to: str): ..."


def write(app: App, text: str) -> None:
    Path(app.tasks.sources[0]).write_text(text)


async def deploy(app: App, text: str) -> None:
    """What the watcher does when the tasks file changes."""
    write(app, text)
    app.tasks.reload()
    await app.declarations.hold_against_code()


@pytest.fixture
async def nightly(api: Api) -> None:
    await api.make("nightly", schedule=NIGHTLY)


@pytest.mark.usefixtures("nightly")
@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
async def test_each_tab_is_a_page_with_the_same_head_and_is_kept_fresh_part_by_part(
    quiet: App, client: QuartClient, tab: Tab
) -> None:
    page = await page_of(client, tab.address("nightly"))
    bar = [link for link in page.all("a") if link.attrs["href"] in [one.address("nightly") for one in TABS]]
    assert [link.text.strip() for link in bar[: len(TABS)]] == [one.label for one in TABS]
    (current,) = (link for link in bar if link.attrs.get("aria-current") == "page")
    assert current.attrs["href"] == tab.address("nightly")
    assert VIEWS[tab.name].tab == tab.name
    async with Stream(quiet, tab.topic("nightly"), at=tab.address("nightly")) as stream:
        html = await stream.html()
        for part in partials(html):
            assert page.has_id(part.target[1:]), "it has its place on the page"
        assert {"#job-head", "#job-changes", "#job-nav"} < {part.target for part in partials(html)}
        await quiet.jobs.pause("nightly", by="admin")
        assert "#job-head" in await stream.until('data-job="nightly" data-state="paused"')


@pytest.mark.usefixtures("nightly")
async def test_a_job_that_comes_after_this_one_is_counted_beside_its_tab_at_once(quiet: App) -> None:
    async with Stream(quiet, "job:nightly:configuration", at="/jobs/nightly/configuration") as stream:
        assert "before or after it" not in await stream.html()
        await Api(quiet).make("mail", schedule={"kind": "dependency"}, after={"jobs": ["nightly"]})
        assert "#job-nav" in await stream.until("1 job directly before or after it")


# -- the head and the figures ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nightly")
async def test_the_cards_tell_how_the_job_does_and_follow_its_runs(quiet: App, client: QuartClient) -> None:
    cards = (await cards_on(client))["Success"]
    assert cards == "not run yet"
    job = await quiet.jobs.get("nightly")
    await put_run(quiet, job, RunState.SUCCEEDED)
    async with Stream(quiet, "job:nightly", at="/jobs/nightly") as stream:
        await stream.html()
        await put_run(quiet, job, RunState.FAILED)
        assert "#job-cards" in await stream.until("1 of 2 runs")
    cards = await cards_on(client)
    assert cards["Success"] == "1 of 2 runs"
    assert cards["Usual duration"] == "of the last one that succeeded"
    assert cards["Streak"].startswith("failed since")
    page = await page_of(client, "/jobs/nightly")
    assert "How long the last 2 runs took: usually 1.5 s, 19 of 20 at most 1.5 s, 1 went wrong" in str(
        [e.attrs.get("aria-label") for e in page.all("svg")]
    )


@pytest.mark.usefixtures("nightly")
async def test_the_figures_are_told_to_programs_too(quiet: App, api: Api) -> None:
    none = await api.json("GET", "/jobs/nightly/figures")
    assert (none["runs"], none["share"], none["streak"], none["duration"]["usual"]) == (0, None, None, None)
    job = await quiet.jobs.get("nightly")
    for state in (RunState.SUCCEEDED, RunState.FAILED, RunState.FAILED):
        await put_run(quiet, job, state)
    told = await api.json("GET", "/jobs/nightly/figures")
    assert (told["runs"], told["succeeded"], told["share_before"]) == (3, 1, None)
    assert told["duration"] == {"usual": 1.5, "p95": 1.5, "of": 1, "longest": 1.5, "last": 1.5}
    assert (told["streak"]["count"], told["streak"]["good"], told["streak"]["at_least"]) == (2, False, False)
    await api.json("GET", "/jobs/nowhere/figures", 404)


async def cards_on(client: QuartClient) -> dict[str, str]:
    """What stands below the figure of each card, by the card's name."""
    page = await page_of(client, "/jobs/nightly/dependencies")
    names = [e.text for e in page.all("span", class_="k")]
    below = page.elements
    found = [e for e in below if e.attrs.get("class") == "d"]
    return dict(zip(names, [" ".join(e.text.split()) for e in found], strict=True))


@pytest.mark.usefixtures("nightly")
async def test_the_menu_leads_to_all_that_one_rarely_does(client: QuartClient) -> None:
    page = await page_of(client, "/jobs/nightly")
    assert [link.attrs["href"] for link in page.all("a") if link.attrs["href"].startswith("/jobs/n")][:7] == [
        "/jobs/nightly/run-with",
        "/jobs/nightly/pause",
        "/jobs/nightly/edit",
        "/jobs/nightly/backfill",
        "/jobs/nightly/slots",
        "/jobs/new?like=nightly",
        "/jobs/nightly/remove",
    ]


# -- run with other arguments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_a_run_gets_the_arguments_that_are_typed_and_the_job_keeps_its_own(
    quiet: App, client: QuartClient, api: Api, headers: dict[str, str]
) -> None:
    await api.make("greet", args={"name": "Ada", "times": 2})
    asked = await client.get("/jobs/greet/run-with", headers=headers)
    form = Page(await asked.get_data(as_text=True)).form("ask")
    assert form.items() >= {"with": "args", "args.name": "Ada", "args.times": "2"}.items()
    reply = await client.post("/jobs/greet/run", form=form | {"args.name": "Grace", "args.times": ""}, headers=headers)
    (run,), _ = await quiet.runs.page(RunFilter(job="greet"))
    assert run.args == {"name": "Grace"}, "an emptied one takes the default of the code"
    assert (await quiet.jobs.get("greet")).spec.args == {"name": "Ada", "times": 2}
    if headers:
        assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#dialog", "#toasts"]
    else:
        assert (reply.status_code, reply.headers["Location"]) == (303, f"/runs/{run.id}")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_arguments_that_do_not_fit_are_told_beside_their_fields_and_nothing_runs(
    quiet: App, client: QuartClient, api: Api, headers: dict[str, str]
) -> None:
    await api.make("greet")
    form = {"with": "args", "args.name": EVIL, "args.times": "many"}
    reply = await client.post("/jobs/greet/run", form=form, headers=headers)
    page = Page(await reply.get_data(as_text=True))
    assert reply.status_code == 422
    assert page.faults() == []
    assert list(page.wrong()) == ["args-times"]
    assert page.form("ask")["args.name"] == EVIL
    assert await quiet.runs.page(RunFilter(job="greet")) == ([], None)


async def test_a_secret_is_not_shown_and_the_run_gets_it_all_the_same(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await deploy(quiet, SECRET)
    await api.make("send", "send", args={"key": "geheim", "to": "x"})
    reply = await client.get("/jobs/send/run-with")
    html = await reply.get_data(as_text=True)
    assert "geheim" not in html
    await client.post("/jobs/send/run", form=Page(html).form("ask") | {"args.to": "y"})
    (run,), _ = await quiet.runs.page(RunFilter(job="send"))
    assert quiet.tasks.opened(run.args) == {"key": "geheim", "to": "y"}


async def test_a_job_whose_task_is_gone_cannot_be_run_with_arguments(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("greet")
    await deploy(quiet, "def other(): ...")
    assert "/jobs/greet/run-with" not in str([e.attrs for e in (await page_of(client, "/jobs/greet")).all("a")])
    assert (await client.get("/jobs/greet/run-with")).status_code == 409


# -- the runs -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nightly")
async def test_the_runs_are_narrowed_to_a_state_page_by_page_and_follow_it(quiet: App, client: QuartClient) -> None:
    job = await quiet.jobs.get("nightly")
    failed = [(await put_run(quiet, job, RunState.FAILED)).id for _ in range(27)]
    await put_run(quiet, job, RunState.SUCCEEDED)
    page = await page_of(client, "/jobs/nightly?state=failed")
    assert runs_on(page) == failed[:1:-1]
    (older,) = page.all("a", rel="next")
    assert runs_on(await page_of(client, older.attrs["href"])) == failed[1::-1]
    assert len(runs_on(await page_of(client, "/jobs/nightly?state=nonsense"))) == 25, "what is no state narrows nothing"
    assert "No run ended so" in (await page_of(client, "/jobs/nightly?state=lost")).text
    async with Stream(quiet, "job:nightly", at="/jobs/nightly?state=failed") as stream:
        await stream.html()
        run = await put_run(quiet, job, RunState.FAILED)
        assert runs_on(Page(await stream.until(f'data-run="{run.id}"'))) == [run.id, *failed[:2:-1]]


def runs_on(page: Page) -> list[int]:
    return [int(row.attrs["data-run"]) for row in page.all("tr") if "data-run" in row.attrs]


async def test_the_first_tab_says_in_a_line_what_runs_before_and_after(client: QuartClient, api: Api) -> None:
    await api.make("extract")
    assert "hidden" in (await page_of(client, "/jobs/extract")).with_id("job-hint").attrs
    await api.make("load", schedule={"kind": "dependency"}, after={"jobs": ["extract"]})
    hint = (await page_of(client, "/jobs/extract")).with_id("job-hint")
    assert "hidden" not in hint.attrs
    assert "Runs after" in (await page_of(client, "/jobs/load")).text


# -- the log --------------------------------------------------------------------------------------------------------


async def test_the_log_tab_shows_the_newest_log_and_goes_over_to_a_run_that_starts(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("greet")
    job = await quiet.jobs.get("greet")
    assert "Nothing has run yet" in (await page_of(client, "/jobs/greet/log")).text
    first = await put_run(quiet, job, RunState.RUNNING)
    await put_lines(quiet, first, ["one", "two"])
    reply = await client.get("/jobs/greet/log")
    html = await reply.get_data(as_text=True)
    assert LogOnPage.of(html).lines == [(1, "one"), (2, "two")]
    assert f"after={first.id}.2" in unescape(html)

    async with Stream(quiet, "job:greet:log", at="/jobs/greet/log", after=f"{first.id}.2") as stream:
        assert "#job-log-panel" not in await stream.html(), "the page has this log already"
        await put_lines(quiet, first, ["three"])
        assert "#log-chunk-0" in await stream.until('id="L3"')
        assert stream.last == f"{first.id}.3"
        await quiet.runs.finish(first, Outcome(state=RunState.SUCCEEDED), 1.5)
        assert await stream.until(f'class="log-run" data-run="{first.id}" data-state="succeeded"')
        second = await put_run(quiet, job, RunState.RUNNING)
        html = await stream.until(f"/runs/{second.id}/log.txt")
        assert "#job-log-panel" in html
        assert f"The log went over to run #{second.id}" in html
        await put_lines(quiet, second, ["over there"])
        assert "#log" in await stream.until(">over there<")
        assert stream.last == f"{second.id}.1"


async def test_a_line_that_comes_while_the_log_goes_over_is_shown(
    quiet: App, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.make("greet")
    job = await quiet.jobs.get("greet")
    first = await put_run(quiet, job, RunState.SUCCEEDED)
    followed = quiet.runs.followed

    async def slowly(job: Job) -> Run | None:
        """Which run it is is known; its first line comes before anybody hears of it."""
        run = await followed(job)
        if run is not None and run.id != first.id and not run.last_seq:
            monkeypatch.undo()
            await put_lines(quiet, run, ["early"])
        return run

    async with Stream(quiet, "job:greet:log", at="/jobs/greet/log", after=f"{first.id}.0") as stream:
        await stream.html()
        monkeypatch.setattr(quiet.runs, "followed", slowly)
        second = await put_run(quiet, job, RunState.RUNNING)
        assert ">early<" in await stream.until(f"/runs/{second.id}/log.txt") or await stream.until(">early<")


async def test_a_reader_of_the_log_tab_who_comes_back_goes_on_where_they_were(quiet: App, api: Api) -> None:
    await api.make("greet")
    job = await quiet.jobs.get("greet")
    run = await put_run(quiet, job, RunState.RUNNING)
    await put_lines(quiet, run, ["one", "two", "three"])
    async with Stream(quiet, "job:greet:log", at="/jobs/greet/log", last=f"{run.id}.1") as stream:
        html = await stream.until('id="L2"')
        assert 'id="L1"' not in html
        assert 'id="L3"' in html
    other = await put_run(quiet, job, RunState.RUNNING)
    for last in (f"{run.id}.3", "", "x.y", "1", f"{2**70}.1"):
        async with Stream(quiet, "job:greet:log", at="/jobs/greet/log", last=last) as stream:
            assert f"/runs/{other.id}/log.txt" in await stream.html()


# -- the configuration ----------------------------------------------------------------------------------------------


async def test_the_configuration_is_told_as_code_and_its_secrets_are_not(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await deploy(quiet, SECRET)
    await api.make("send", "send", args={"key": "geheim", "to": EVIL}, schedule=NIGHTLY, timeout=90)
    reply = await client.get("/jobs/send/configuration")
    assert "geheim" not in await reply.get_data(as_text=True)
    page = await page_of(client, "/jobs/send/configuration")
    body = json.loads(page.with_id("code-json").text)
    assert body == {
        "id": "send",
        "task": "send",
        "args": {"key": "<key>", "to": EVIL},
        "schedule": NIGHTLY | {"timezone": "UTC"},
        "timeout": 90,
    }
    assert yaml.safe_load(page.with_id("code-yaml").text) == {"jobs": [body]}
    assert '@task(\n    schedule="0 3 * * *",' in page.with_id("code-python").text
    assert "$CRONAPP_TOKEN" in page.with_id("code-curl").text
    assert [e.attrs["data-copy"] for e in page.all("button") if "data-copy" in e.attrs] == [
        f"code-{way}" for way in ("python", "yaml", "json", "curl")
    ]
    await deploy(quiet, "def other(): ...")
    assert "geheim" not in await (await client.get("/jobs/send/configuration")).get_data(as_text=True)
