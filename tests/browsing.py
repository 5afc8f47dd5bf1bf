"""A person with a browser: pages that are signed in, and a note of all that goes wrong in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Response,
    expect,
)
from support import TOKEN, Server

FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What Playwright leaves out, whose list this takes the place of, and two pages of the browser's own in each window,
    # which cost as much as ours.
    "--disable-features=AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,MediaRouter,"
    "OptimizationHints,PaintHolding,ThirdPartyStoragePartitioning,WebUIOmniboxAimPopup,WebUIOmniboxPopup",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 20_000  # ms: a limit for what must come true, on a machine that others use too
REFUSED = r"status of 422"
"""The browser notes each refused form on its console. That is no fault."""
AWAY = r"net::ERR_|status of 503"
"""What it notes while the server is away."""

TASKS = '''
import asyncio, os, sys, time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from cronapp import current_run, progress, task


def hello(name: str = "world", times: int = 1):
    """Say hello.

    Args:
        name: Who is greeted.
        times: How often.
    """
    for _ in range(times):
        print(f"hello {name}")
    return {"greeted": name}


Kind = Literal["short", "long"]


def report(day: date, count: Annotated[int, Field(ge=1)], kind: Kind = "short", dry_run: bool = False):
    """Take arguments of several types."""
    print(day, count, kind, dry_run)


@dataclass
class Shop:
    name: str
    tags: list[str] = field(default_factory=list)


def deliver(
    shops: list[Shop],
    token: SecretStr,
    window: Shop | int = 3,
    parts: set[Literal["head", "body"]] = {"head"},
    limits: dict[str, int] = {},
    note: str | None = "by hand",
    loud: bool | None = None,
    options: dict = {},
):
    """Deliver to shops.

    Args:
        shops: Where to.
    """
    print(len(shops), len(token.get_secret_value()), repr(note))
    return [shop.name for shop in shops]


def fail(message: str = "no figures"):
    """Fail."""
    raise ValueError(message)


def _passed(folder, gate):
    return (Path(folder) / gate).exists()


async def gated_on_loop(folder: str, lines: int = 3):
    """Print a line, wait for its gate, print the next."""
    for n in range(1, lines + 1):
        print(f"line {n}")
        while not _passed(folder, f"gate-{n}"):
            await asyncio.sleep(0.01)


def gated_in_thread(folder: str, lines: int = 3):
    """Print a line, wait for its gate, print the next."""
    for n in range(1, lines + 1):
        print(f"line {n}")
        progress(n, lines, f"gate {n}")
        while not _passed(folder, f"gate-{n}"):
            current_run().check()
            time.sleep(0.01)


@task(run_in="process")
def gated_in_process(folder: str, lines: int = 3):
    """Print a line, wait for its gate, print the next."""
    for n in range(1, lines + 1):
        print(f"line {n}")
        while not _passed(folder, f"gate-{n}"):
            time.sleep(0.01)


def burst(folder: str, first: int = 100, then: int = 10):
    """Print many lines at once, and some more at each gate."""
    for n in range(first):
        print(f"line {n + 1}")
    gate = 1
    while True:
        if _passed(folder, f"gate-{gate}"):
            for n in range(then):
                print(f"after gate {gate}: {n + 1}")
            gate += 1
        elif _passed(folder, "end"):
            break
        time.sleep(0.01)
'''

Settings = dict[str, Any]
"""Options of a browser context."""

expect.set_options(timeout=PATIENCE)


def find_browser(playwright: Playwright) -> str | None:
    """The browser of this machine, else Playwright's own; each is started, because it may be a stub."""
    for name in (*(shutil.which(name) for name in NAMES), playwright.chromium.executable_path):
        if name and os.path.exists(name):
            told = subprocess.run([name, "--version"], capture_output=True, timeout=60, check=False)
            if told.returncode == 0:
                return name
    return None


async def start_browser(playwright: Playwright, path: str) -> Browser:
    return await playwright.chromium.launch(executable_path=path, args=FLAGS)


@dataclass
class Visitor:
    """One person's browser window on one server. `faults` holds what the pages complained of; `allowed` are patterns
    of complaints that belong to the test."""

    context: BrowserContext
    url: str
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.context.on("page", self._listen)
        self.context.on("weberror", lambda error: self.faults.append(f"page error: {error.error}"))

    def _listen(self, page: Page) -> None:
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    async def sign_in(self) -> None:
        form: dict[str, str | float | bool] = {"token": TOKEN}
        reply = await self.context.request.post(f"{self.url}/login", form=form, max_redirects=0)
        assert reply.status == 303, await reply.text()

    async def open(self, path: str, *, live: bool = True) -> Page:
        """A new tab on a page of the server; its stream is up when this returns."""
        page = await self.context.new_page()
        await page.goto(f"{self.url}{path}")
        if live:
            await is_live(page)
        return page

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(pattern, fault) for pattern in self.allowed)]


async def is_live(page: Page) -> None:
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")


async def stay(page: Page) -> None:
    """Marks the page, so that `stayed` can tell whether it was loaded anew."""
    await page.evaluate("window.cronappStayed = true")


async def stayed(page: Page) -> bool:
    return bool(await page.evaluate("window.cronappStayed === true"))


async def choose_in_menu(page: Page, job: str, name: str) -> None:
    """What a job's own page offers besides its buttons."""
    await page.get_by_label(f"More for {job}").click()
    await page.get_by_role("link", name=name).click()


def job_row(page: Page, job: str) -> Locator:
    return page.locator(f'tr[data-job="{job}"]')


async def ask_pause(page: Page, job: str) -> None:
    """Opens the question before a pause, out of the menu of the job's row."""
    row = job_row(page, job)
    await row.get_by_label(f"More for {job}").click()
    await row.get_by_role("link", name="Pause with a reason…").click()


def line(page: Page, seq: int) -> Locator:
    return page.locator(f'#log [data-seq="{seq}"]')


async def seqs(page: Page) -> list[int]:
    """The numbers of the log lines on the page, in their order there."""
    found: list[int] = await page.eval_on_selector_all("#log [data-seq]", "all => all.map(x => Number(x.dataset.seq))")
    return found


async def in_sight(page: Page, seq: int, limit: float = PATIENCE) -> None:
    """Waits until a line is between the upper and the lower edge of the log's box."""
    await page.wait_for_function(
        """seq => {
            const log = document.querySelector("#log"), line = log?.querySelector(`[data-seq="${seq}"]`);
            if (!line) return false; // or there is no line at all yet
            const box = log.getBoundingClientRect(), place = line.getBoundingClientRect();
            return place.top < box.bottom && place.bottom > box.top;
        }""",
        arg=seq,
        timeout=limit,
    )


async def at_end(log: Locator) -> bool:
    return bool(await log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 24"))


async def hide(page: Page, hidden: bool) -> None:
    """Makes the page believe that its tab went to the background, or came back. Headless tabs always count as shown."""
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def submit(page: Page, press: Callable[[], Awaitable[None]]) -> Response:
    """Does what sends a form, and answers the reply to it."""
    async with page.expect_response(lambda reply: reply.request.method == "POST" and "/form/" not in reply.url) as told:
        await press()
    return await told.value


async def choose_kind(page: Page, kind: str) -> None:
    """Chooses the kind of schedule in the job form."""
    await page.locator("label.kind").filter(has_text=kind).click()


async def choose_task(page: Page, name: str) -> None:
    """Finds a task in the job form by typing its name."""
    await page.get_by_role("combobox", name="Task", exact=True).fill(name)
    await page.locator("#f-task-list [role=option]").filter(has_text=name).first.wait_for()
    await page.keyboard.press("Enter")


def at_path(pattern: str) -> re.Pattern[str]:
    """For `to_have_url`: the address ends in this path."""
    return re.compile(rf"//[^/]+{pattern}$")


def make(server: Server, job: str, task: str, schedule: dict[str, Any] | None = None, **rest: Any) -> None:
    """A job, by the API; run by hand if nothing else is said."""
    body = {"id": job, "task": task, "schedule": schedule or {"kind": "manual"}, **rest}
    reply = server.api("POST", "/jobs", json=body)
    assert reply.status_code == 201, reply.text


def start(server: Server, job: str, **args: Any) -> int:
    """Runs a job now, by the API; answers the run's number."""
    reply = server.api("POST", f"/jobs/{job}/run", json={"args": args})
    assert reply.status_code == 202, reply.text
    return int(reply.json()["id"])


def is_in(server: Server, run: int, state: str) -> bool:
    return bool(server.api("GET", f"/runs/{run}").json()["state"] == state)


def streams(server: Server) -> int:
    """How many pages the server keeps live, as its system page tells."""
    html = httpx.get(f"{server.url}/system", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text
    found = re.search(r"Open dashboards</span><span class=\"v\">(\d+)", html)
    assert found, html
    return int(found[1])
