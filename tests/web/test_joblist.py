"""The jobs list in the browser and by the API: its address, its rows, its groups, saved views, many jobs at once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from quart.testing import QuartClient
from visiting import HTMX, Api, Page, page_of, partials

from cronapp.app import App
from cronapp.store.jobs import JobFilter
from cronapp.store.listing import Sort
from cronapp.web.asked import asked_of
from cronapp.web.views.joblist import GROUPS, ROWS_OF_GROUP

# -- the address ----------------------------------------------------------------------------------------------------


def test_an_address_says_what_is_shown_and_nonsense_is_passed_over() -> None:
    asked = asked_of(
        "tag=b+c&tag=a&tag=a&q=+night+&state=failing&sort=-last&group=tag&in_group=g&cursor=5~x&what=1&task="
    )
    assert asked.filters == JobFilter(q="night", state="failing", tags=("b c", "a"), group="g")
    assert (asked.sort, asked.grouped, asked.cursor) == (Sort("last", down=True), True, "5~x")
    assert asked.query == "q=night&state=failing&tag=b+c&tag=a&in_group=g&sort=-last&group=tag"
    assert asked_of("sort=EVIL&group=EVIL").sort == Sort()
    assert asked_of("q=a&q=b").filters.q == "a"


def test_one_step_away_is_an_address_of_its_own() -> None:
    asked = asked_of("state=paused&tag=a&tag=b&sort=next&cursor=1~x")
    assert asked.href(state="") == "/jobs?tag=a&tag=b&sort=next"
    assert asked.without("tag", "a") == "/jobs?state=paused&tag=b&sort=next"
    assert asked.cleared == "/jobs?sort=next"
    assert asked.page("2~y").endswith("sort=next&cursor=2~y")
    assert asked.sorted_by("next").endswith("sort=-next")
    assert asked.sorted_by("last").endswith("sort=-last")
    assert asked.sorted_by("id") == "/jobs?state=paused&tag=a&tag=b"
    assert (asked.direction("next"), asked.direction("id")) == ("ascending", "none")
    assert [chip.text for chip in asked.chips] == ["a", "b"]
    assert asked_of("").href() == "/jobs"


# -- the page -------------------------------------------------------------------------------------------------------


def rows(page: Page) -> list[str]:
    return [e.attrs["data-job"] for e in page.all("tr") if "data-job" in e.attrs]


async def some(api: Api) -> None:
    hourly = {"kind": "cron", "expression": "0 * * * *"}
    await api.make("b", schedule=hourly, tags=["x", "y", "z"], labels=["gpu"])
    await api.make("a", schedule={"kind": "cron", "expression": "0 0 1 1 *"}, tags=["x"])
    await api.make("c", tags=[])
    await api.json("POST", "/jobs/b/pause", json={"reason": "why"})


async def test_the_list_is_sorted_and_filtered_by_its_address(client: QuartClient, api: Api) -> None:
    await some(api)
    assert rows(await page_of(client, "/jobs")) == ["a", "b", "c"]
    assert rows(await page_of(client, "/jobs?sort=-id")) == ["c", "b", "a"]
    assert rows(await page_of(client, "/jobs?sort=next")) == ["a", "b", "c"]
    await api.json("POST", "/jobs/c/run", 202)
    assert rows(await page_of(client, "/jobs?sort=-last")) == ["c", "a", "b"]
    assert rows(await page_of(client, "/jobs?tag=x&tag=y")) == ["b"]
    page = await page_of(client, "/jobs?tag=x&sort=-id")
    assert page.faults() == []
    assert rows(page) == ["b", "a"]
    assert [e.attrs["aria-sort"] for e in page.all("th") if e.attrs.get("aria-sort", "none") != "none"] == [
        "descending"
    ]
    told = await page_of(client, "/jobs?state=paused&tag=x&q=nothing")
    assert "None of the 3 jobs is paused and fits" in told.text
    assert [e.attrs["href"] for e in told.all("a") if e.attrs.get("class") == "chip"] == [
        "/jobs?state=paused&tag=x",
        "/jobs?q=nothing&state=paused",
    ]
    assert [job["id"] for job in (await api.json("GET", "/jobs?tag=x&sort=-id"))["items"]] == ["b", "a"]
    assert [job["id"] for job in (await api.json("GET", "/jobs?label=gpu"))["items"]] == ["b"]
    run = (await api.json("POST", "/jobs/b/run", 202))["id"]
    for path in ("/jobs/b/configuration", f"/runs/{run}"):
        assert (await page_of(client, path)).one("a", href="/jobs?label=gpu")
    labelled = await page_of(client, "/jobs?label=gpu")
    assert (rows(labelled), "label: gpu" in labelled.text) == (["b"], True)
    assert "gpu · 1" in (await page_of(client, "/views/filter")).text


async def test_a_row_has_a_switch_that_says_what_it_is(client: QuartClient, api: Api, quiet: App) -> None:
    await some(api)
    page = await page_of(client, "/jobs")
    switches = {e.attrs["aria-label"]: e.attrs["aria-checked"] for e in page.all("button", role="switch")}
    assert switches == {f"{name} on its schedule": on for name, on in (("a", "true"), ("b", "false"), ("c", "true"))}
    assert page.one("form", action="/jobs/a/pause")
    assert page.one("form", action="/jobs/b/resume")
    reply = await client.post("/jobs/a/pause", headers=HTMX)
    toast = next(part for part in partials(await reply.get_data(as_text=True)) if part.target == "#toasts")
    assert Page(toast.html).one("form", action="/jobs/a/resume")
    del quiet.tasks.registry.tasks["hello"]
    await quiet.declarations.hold_against_code()
    broken = (await page_of(client, "/jobs?q=c")).one("button", role="switch").attrs
    assert "disabled" in broken
    assert "needs attention" in broken["aria-label"]


async def test_a_copy_of_a_job_gets_an_id_of_its_own(client: QuartClient, api: Api) -> None:
    await api.make("one", tags=["x"], timeout=90, args={"name": "Kiel"})
    await api.make("one-copy")
    page = await page_of(client, "/jobs/new?like=one")
    assert page.one("form", id="job-form").attrs["action"] == "/jobs"
    values = {name: page.one("input", name=name).attrs["value"] for name in ("id", "tags", "args.name")}
    assert values == {"id": "one-copy-2", "tags": "x", "args.name": "Kiel"}
    assert (await client.get("/jobs/new?like=gone")).status_code == 404


async def test_groups_show_their_first_jobs_and_lead_to_the_rest(client: QuartClient, api: Api) -> None:
    for n in range(ROWS_OF_GROUP + 1):
        await api.make(f"x-{n:02}", tags=["x", "y"] if n == 0 else ["x"])
    await api.make("none")
    page = await page_of(client, "/jobs?group=tag")
    assert page.faults() == []
    assert rows(page) == [*(f"x-{n:02}" for n in range(ROWS_OF_GROUP)), "x-00", "none"]
    assert [e.attrs["data-fold"] for e in page.all("tbody")] == ["x", "y", ""]
    links = [e.attrs["href"] for e in page.all("a") if e.attrs.get("class") == "link" and "tag=" in e.attrs["href"]]
    assert len(links) == 1
    assert rows(await page_of(client, links[0])) == [f"x-{n:02}" for n in range(ROWS_OF_GROUP + 1)]
    for n in range(GROUPS):
        await api.make(f"t-{n:02}", tags=[f"t{n:02}"])
    first = await page_of(client, "/jobs?group=tag")
    (following,) = [e.attrs["href"] for e in first.all("a", rel="next")]
    second = await page_of(client, following)
    assert [e.attrs["data-fold"] for e in [*first.all("tbody"), *second.all("tbody")]] == [
        *(f"t{n:02}" for n in range(GROUPS)),
        *("x", "y", ""),
    ]


async def test_the_filter_offers_what_there_is(client: QuartClient, api: Api) -> None:
    await some(api)
    page = await page_of(client, "/views/filter?tag=gone&task=hello&state=failing")
    assert page.faults() == []
    tags = {e.attrs["value"]: "checked" in e.attrs for e in page.all("input", name="tag")}
    assert tags == {"x": False, "y": False, "z": False, "gone": True}
    assert page.one("option", value="failing").attrs.get("selected") is not None


# -- saved views ----------------------------------------------------------------------------------------------------


async def test_a_view_is_saved_shown_and_removed_on_pages_of_its_own(client: QuartClient, api: Api) -> None:
    await some(api)
    page = await page_of(client, "/views/save?page=jobs&query=tag%3Dx%26sort%3D-id%26evil%3D1")
    assert page.one("input", name="query").attrs["value"] == "tag=x&sort=-id"
    form = {"page": "jobs", "query": "tag=x&sort=-id", "name": "Mine"}
    assert (await client.post("/views/save", form={**form, "name": " "})).status_code == 422
    reply = await client.post("/views/save", form=form)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs?tag=x&sort=-id")
    listed = await page_of(client, "/jobs?sort=-id&tag=x")
    assert "Mine" in listed.text
    assert listed.all("a", href="/jobs?tag=x&sort=-id", aria_current="true")
    assert "Remove the view Mine?" in (await page_of(client, "/views/remove?page=jobs&name=Mine")).text
    assert (await client.post("/views/remove", form={"page": "jobs", "name": "Mine"})).status_code == 303
    assert (await client.post("/views/remove", form={"page": "jobs", "name": "Mine"})).status_code == 404
    assert (await client.get("/views/save?page=users")).status_code == 404


# -- many at once ---------------------------------------------------------------------------------------------------


async def test_many_jobs_are_paused_without_javascript(client: QuartClient, api: Api) -> None:
    await some(api)
    asked = await client.post("/jobs/bulk", form={"action": "pause", "all": "1", "query": "tag=x"})
    page = Page(await asked.get_data(as_text=True))
    assert page.faults() == []
    assert "Pause 1 job?" in page.text
    assert "1 is paused already and stays as it is." in page.text
    ids = page.one("input", name="ids").attrs["value"]
    assert ids == "a b"
    told = await client.post("/jobs/bulk/done", form={"action": "pause", "ids": ids, "reason": "deploying"})
    report = Page(await told.get_data(as_text=True))
    assert report.faults() == []
    assert "1 job paused." in report.text
    assert "It is paused already." in report.text
    assert (await api.json("GET", "/jobs/a"))["reason"] == "deploying"
    assert (await api.json("GET", "/jobs/c"))["state"] == "active"


async def test_a_question_without_a_job_or_with_a_wrong_field_is_refused(client: QuartClient, api: Api) -> None:
    await some(api)
    assert (await client.post("/jobs/bulk", form={"action": "pause"})).status_code == 400
    assert (await client.post("/jobs/bulk", form={"action": "EVIL", "job": "a"})).status_code == 400
    late = {"action": "pause", "ids": "a", "until": "at", "until_at": ""}
    reply = await client.post("/jobs/bulk/done", form=late, headers=HTMX)
    assert reply.status_code == 422
    (part,) = partials(await reply.get_data(as_text=True))
    assert "Choose a moment." in Page(part.html).text
    assert (await client.post("/jobs/bulk/done", form={"action": "tag", "ids": "a", "tags": " "})).status_code == 422
    nothing = await client.post("/jobs/bulk", form={"action": "resume", "job": "a"})
    assert "Nothing to resume" in await nothing.get_data(as_text=True)


async def test_when_all_went_well_only_a_message_tells_so(client: QuartClient, api: Api) -> None:
    await some(api)
    form = {"action": "tag", "how": "untag", "ids": "a b", "tags": "x"}
    reply = await client.post("/jobs/bulk/done", form=form, headers=HTMX)
    parts = partials(await reply.get_data(as_text=True))
    assert [part.target for part in parts] == ["#dialog", "#toasts"]
    assert "2 jobs changed." in Page(parts[1].html).text
    assert (await api.json("GET", "/jobs/b"))["tags"] == ["y", "z"]


async def test_the_api_changes_many_jobs_after_a_dry_run(api: Api) -> None:
    await some(api)
    order = {"filter": {"tags": ["x"]}, "action": "resume"}
    dry = await api.json("POST", "/jobs/bulk", json={**order, "dry_run": True})
    assert dry == {
        "action": "resume",
        "dry_run": True,
        "matched": 2,
        "done": ["b"],
        "unchanged": [{"id": "a", "reason": "It is active already."}],
        "refused": [],
    }
    assert (await api.json("GET", "/jobs/b"))["state"] == "paused"
    assert await api.json("POST", "/jobs/bulk", json=order) == {**dry, "dry_run": False}
    assert (await api.json("GET", "/jobs/b"))["state"] == "active"
    ran = await api.json("POST", "/jobs/bulk", json={"ids": ["c", "gone"], "action": "run"})
    assert (ran["done"], [one["id"] for one in ran["refused"]]) == (["c"], ["gone"])
    assert (await api.json("GET", "/runs?job=c"))["items"][0]["trigger"] == "api"
    removed = await api.json("POST", "/jobs/bulk", json={"filter": {}, "action": "remove"})
    assert removed["done"] == ["a", "b", "c"]


def wrong() -> Iterable[tuple[dict[str, object], str]]:
    yield {"action": "pause"}, "ids"
    yield {"action": "pause", "ids": ["a"], "filter": {}}, "ids"
    yield {"action": "pause", "ids": []}, "ids"
    yield {"action": "pause", "ids": [1]}, "ids"
    yield {"action": "explode", "ids": ["a"]}, "action"
    yield {"action": "pause", "filter": {"colour": "red"}}, "filter.colour"
    yield {"action": "pause", "filter": {"state": 1}}, "filter.state"
    yield {"action": "pause", "filter": {"tags": "x"}}, "filter.tags"
    yield {"action": "tag", "ids": ["a"]}, "tags"
    yield {"action": "pause", "ids": ["a"], "until": "yesterday"}, "until"


@pytest.mark.parametrize(("order", "field"), list(wrong()))
async def test_the_api_names_the_wrong_field(asker: Api, order: dict[str, object], field: str) -> None:
    told = await asker.json("POST", "/jobs/bulk", 422, json=order)
    assert list(told["errors"]) == [field]
