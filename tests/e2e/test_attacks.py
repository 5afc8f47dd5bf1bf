"""Text of others that would do harm, on every page that leads on from the overview, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from browsing import REFUSED, Visitor, is_in, is_live, job_row, line, make, start
from playwright.async_api import Page, expect
from support import Server, until
from visiting import EVIL

Visit = Callable[..., Awaitable[Visitor]]
HARM = EVIL + (
    "</pre></textarea></title></style><svg onload=alert(3)><iframe srcdoc='<script>alert(4)</script>'>"
    '<hx-partial hx-target="body"><b hx-on:click="alert(5)" hx-get="/login" hx-trigger="load">${alert(6)}</b>'
    "</hx-partial>"
    " javascript:alert(7) https://example.org/?\"onmouseover='alert(8)"
)
TASKS = f"""
import logging, os, time
from typing import Literal

from cronapp import progress

HARM = {HARM!r}


def harm(text: str = HARM, kind: Literal[{HARM!r}, "b"] = "b", gate: str = ""):
    print(HARM)
    print("\\x1b[31m" + HARM + "\\x1b[0m")
    print("a\\r\\n\\n: here\\nevent: gone\\ndata: x\\n\\n" + HARM)
    logging.getLogger("<b>name</b>").error(HARM)
    progress(1, 2, HARM)
    while gate and not os.path.exists(gate):
        time.sleep(0.02)
    print(HARM)
    return {{HARM: [HARM]}}


def fall(text: str = HARM):
    raise type("Fall<img src=x onerror=alert(9)>", (ValueError,), {{}})(HARM)


harm.__doc__ = fall.__doc__ = HARM + "\\n\\n" + HARM + "\\n\\nArgs:\\n    text: " + HARM
"""
WATCHING = """
window.harms = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    harms.push(`the policy stopped ${violatedDirective} of ${blockedURI}`));
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => harms.push(`${name} ${text}`);
"""
MARKS = """() => [...harms, ...[...document.querySelectorAll(
    "img[src='x'], svg[onload], iframe[srcdoc], script:not([src]), [onerror], [onmouseover], [href^='javascript:']"
)].map(e => `there is <${e.localName}> at ${location.pathname}`)]"""
FILES = (".txt", ".json", ".jsonl", ".csv", ".ics")
PAGES = 120  # looked at, at the most


async def furnish(site: Server) -> dict[str, int]:
    """Whatever people and tasks can write, harmful."""
    every = {"kind": "cron", "expression": "0 3 * * *"}
    for job, task in (("harm", "harm"), ("fall", "fall"), ("paused", "harm")):
        tags = ["a&b<i>", "night"]
        make(site, job, task, every, tags=tags, description=HARM, args={"text": HARM})
        site.api("PATCH", f"/jobs/{job}", json={"description": HARM + " again"})
        site.api("POST", f"/jobs/{job}/notes", json={"text": HARM})
    first = site.api("GET", "/jobs/harm/slots/upcoming").json()["items"][0]["slot"]
    site.api("POST", "/jobs/harm/slots/skip", json={"slot": first, "reason": HARM})
    make(site, "after", "harm", {"kind": "dependency"}, after={"jobs": ["harm"]}, args={"text": HARM})
    site.api("POST", "/jobs/after/pause", json={"reason": HARM})
    runs = {"succeeded": start(site, "harm", text=HARM), "failed": start(site, "fall")}
    for state, run in runs.items():
        await until(lambda run=run, state=state: is_in(site, run, state))
    assert site.api("POST", "/jobs/paused/pause", json={"reason": HARM}).status_code == 200
    return runs


async def save_view(me: Visitor, page: Page) -> None:
    """A view under a harmful name, as its form sends it."""
    header = await page.locator("body").get_attribute("hx-headers:inherited")
    token = re.search(r'"([0-9a-f.]{20,})"', header or "")
    assert token
    form: dict[str, Any] = {"page": "jobs", "name": EVIL[:40], "query": "tag=night", "form_token": token[1]}
    reply = await me.context.request.post(f"{me.url}/views/save", form=form)
    assert reply.status < 400, await reply.text()


def kind_of(address: str) -> str:
    """Pages that differ only in what they are about are looked at once."""
    place = urlsplit(address)
    names = "&".join(sorted(name for name, _ in parse_qsl(place.query, keep_blank_values=True)))
    return re.sub(r"\d+", "N", re.sub(r"(?<=/jobs/)(harm|fall|paused|after)", "J", place.path)) + "?" + names


async def test_text_of_others_does_nothing_on_any_page(server: Server, visit: Visit) -> None:
    server.write_tasks(TASKS)
    (server.folder / "broken.py").write_text(f"raise ValueError({HARM!r})\n")
    server.start("tasks.py", "broken.py")
    runs = await furnish(server)
    me = await visit(server, user_agent=f"Mozilla/5.0 {EVIL}")
    me.allowed += [REFUSED, r"status of 404 .*/nothing/"]
    await me.context.add_init_script(WATCHING)
    page = await me.open("/jobs")
    harms: list[str] = []
    page.on("dialog", lambda dialog: harms.append(f"a dialog says {dialog.message}"))
    await save_view(me, page)
    assert server.api("POST", "/scheduler/pause", json={"reason": HARM}).status_code == 200

    waiting = [f"{server.url}{path}" for path in ("/", "/jobs/harm/edit", "/jobs/harm/run-with", "/nothing/<b>here")]
    waiting += [f"{server.url}/runs/{run}" for run in runs.values()]
    seen: dict[str, str] = {}
    texts = ""
    while waiting and len(seen) < PAGES:
        address = waiting.pop(0)
        if kind_of(address) in seen or urlsplit(address).path.endswith(FILES):
            continue
        seen[kind_of(address)] = address
        await page.goto(address)
        await page.wait_for_function("document.readyState == 'complete'")
        if await page.locator("#live").count():
            await is_live(page)
        harms += await page.evaluate(MARKS)
        texts += await page.locator("body").inner_text()
        links: list[str] = await page.eval_on_selector_all(
            "a[href]", "all => all.map(a => new URL(a.getAttribute('href'), location.href).href)"
        )
        waiting += [link.partition("#")[0] for link in links if link.startswith(f"{server.url}/")]
    assert harms == []
    assert not waiting or len(seen) == PAGES
    assert texts.count("alert(1)") > 50, "it is shown, as text"
    for part in ("/jobs/J", "/runs/N", "/errors", "/tasks/harm", "/settings/people", "/jobs/J/notes", "/timeline"):
        assert any(kind.startswith(part) for kind in seen), part


async def test_what_comes_by_the_stream_does_nothing_either(server: Server, visit: Visit, tmp_path: Path) -> None:
    server.write_tasks(TASKS)
    server.start()
    make(server, "harm", "harm", args={"text": HARM})
    me = await visit(server)
    await me.context.add_init_script(WATCHING)
    listed, log = await me.open("/jobs"), await me.open("/")
    run = start(server, "harm", text=HARM, gate=str(tmp_path / "gate"))
    await log.goto(f"{server.url}/runs/{run}")
    await is_live(log)
    await expect(line(log, 1)).to_contain_text("<script>alert(1)</script>")
    (tmp_path / "gate").touch()
    await until(lambda: is_in(server, run, "succeeded"))
    await expect(log.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(log.locator("main")).to_contain_text("event: gone")
    await expect(job_row(listed, "harm")).to_contain_text("Succeeded")
    server.api("POST", "/jobs/harm/pause", json={"reason": HARM})
    await expect(job_row(listed, "harm")).to_contain_text("paused")
    for page in (listed, log):
        assert await page.evaluate(MARKS) == []


async def test_a_page_of_another_site_can_do_nothing_with_a_session(site: Server, visit: Visit) -> None:
    """Neither by a form, nor by a request of its script, nor in a frame."""
    make(site, "target", "hello")
    me = await visit(site)
    me.allowed += [r"frame-ancestors", "status of 403", "CORS policy", "net::ERR", "Refused to display", "ERR_BLOCKED"]
    page = await me.open("/jobs/target")
    evil = await me.context.new_page()
    address = f"{site.url}/jobs/target/pause"
    html = f"""<form id=form method=post action="{address}"><input name=reason value=evil></form>
        <iframe src="{site.url}/jobs/target"></iframe>"""
    await evil.route("http://evil.example/", lambda route: route.fulfill(body=html, content_type="text/html"))
    await evil.goto("http://evil.example/")
    told = await evil.evaluate(
        """async (address) => {
            const told = [];
            for (const options of [
                { method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({ a: "b" }) },
                { method: "POST", credentials: "include", headers: { "HX-Request": "true" } },
                { credentials: "include" },
            ]) {
                try { const reply = await fetch(address, options); told.push(`${reply.type} ${await reply.text()}`); }
                catch (error) { told.push("refused"); }
            }
            return told;
        }""",
        address,
    )
    assert [words for words in told if "target" in words] == []
    frame = next(frame for frame in evil.frames if frame != evil.main_frame)
    assert "/jobs/target/run" not in (await frame.content())
    async with evil.expect_navigation():
        await evil.evaluate("document.getElementById('form').submit()")
    assert site.api("GET", "/jobs/target").json()["state"] == "active"
    await page.locator("form[action='/jobs/target/run'] button").first.click()
    await until(lambda: site.api("GET", "/runs?job=target").json()["items"])
    assert (await me.context.request.get(f"{site.url}/jobs")).status == 200
