"""A job's page: its tabs, and what each of them tells."""

from __future__ import annotations

import pytest
from quart.testing import QuartClient
from visiting import Api, Page, Stream, page_of, partials

from cronapp.app import App
from cronapp.web.views.job import VIEWS
from cronapp.web.views.job.tabs import TABS, Tab

NIGHTLY = {"kind": "cron", "expression": "0 3 * * *"}


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
        head = Page(await stream.until("#job-head")).with_id("job-head")
        assert head.attrs["data-state"] == "paused"
