"""What goes over the wire: compressed for who can read that, and only what may be."""

from __future__ import annotations

import gzip
import re

from quart.testing import QuartClient
from visiting import HTMX, Api, Stream

from cronapp.app import App

GZIP = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8"}


async def test_pages_fragments_and_files_are_compressed_and_come_out_as_they_were(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("nightly")
    html = await (await client.get("/jobs")).get_data(as_text=True)
    files = re.findall(r'(/static/[^"#]+)', html)
    assert any("app.css" in path for path in files)
    for path in ["/jobs", "/nowhere", "/search?q=a", *files]:
        headers = HTMX if path.startswith("/search") else {}
        plain = await client.get(path, headers=headers)
        small = await client.get(path, headers=GZIP | headers)
        whole, sent = await plain.get_data(as_text=False), await small.get_data(as_text=False)
        assert "Content-Encoding" not in plain.headers
        if path.endswith(".woff2"):  # it is compressed already
            assert sent == whole
            continue
        assert "Accept-Encoding" in plain.headers["Vary"]
        if small.headers.get("Content-Encoding") != "gzip":
            assert len(whole) < 600, path
            continue
        assert small.headers["Content-Length"] == str(len(sent))
        assert len(sent) < 0.75 * len(whole)
        if path.startswith("/static"):
            assert gzip.decompress(sent) == whole


async def test_a_file_that_the_browser_has_is_not_sent_again(client: QuartClient) -> None:
    first = await client.get("/static/app.css", headers=GZIP)
    again = await client.get("/static/app.css", headers=GZIP | {"If-None-Match": first.headers["ETag"]})
    assert first.headers["ETag"].startswith("W/")
    assert again.status_code == 304
    assert not await again.get_data()


async def test_the_stream_and_the_api_are_left_as_they_are(quiet: App, api: Api) -> None:
    await api.make("nightly")
    reply = await api("GET", "/jobs/nightly", headers=GZIP)
    assert "Content-Encoding" not in reply.headers
    assert not reply.headers["ETag"].startswith("W/")
    async with Stream(quiet, "jobs") as stream:
        assert "Content-Encoding" not in (stream.connection.headers or {})
    ranged = await api.app.site.test_client().get("/static/app.css", headers=GZIP | {"Range": "bytes=0-99"})
    assert "Content-Encoding" not in ranged.headers
