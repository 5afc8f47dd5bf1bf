"""A restart on the system page, and a server that is emptied on every page."""

from __future__ import annotations

from quart.testing import QuartClient
from visiting import HTMX, Api, page_of, partials

from cronapp.app import App


async def test_the_system_page_tells_whether_a_restart_is_safe_and_empties_the_server(
    quiet: App, client: QuartClient, api: Api
) -> None:
    assert (await page_of(client, "/system")).with_id("restart").attrs["data-safe"] == "yes"
    await api.make("each-minute", schedule={"kind": "cron", "expression": "* * * * *"})
    page = await page_of(client, "/system")
    assert page.with_id("restart").attrs["data-safe"] == "no"
    assert "1 job due within 5 min. There is no gap within a day." in page.text

    reply = await client.post("/system/drain", headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#banner", "#restart", "#toasts"]
    for path in ("/", "/jobs", "/jobs/each-minute", "/jobs/each-minute/slots", "/runs", "/system"):
        page = await page_of(client, path)
        assert page.faults() == []
        assert "The server is being emptied for a restart" in page.text, path
    ready = await client.get("/readyz")
    assert (ready.status_code, (await ready.get_json())["scheduler"]) == (503, False)
    assert (await client.get("/healthz")).status_code == 200

    plain = await client.post("/system/drain/end")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/system")
    assert "emptied" not in (await page_of(client, "/jobs")).text
    assert (await client.get("/readyz")).status_code == 200
