"""Makes docs/screenshots from a seeded example, or only some: `make screenshots ARGS="jobs run"`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import APIRequestContext, Browser, Page, ViewportSize, async_playwright

TOKEN = "screenshots"
ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(os.environ.get("SHOTS", ROOT / "docs" / "screenshots"))
FLAGS = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: list[tuple[str, str, str]] = [
    ("overview", "/", "#overview"),
    ("jobs", "/jobs", "tr[data-job]"),
    ("job", "/jobs/check-homepage", "#job-durations"),
    ("job-upcoming", "/jobs/nightly-figures/upcoming", "#job-upcoming"),
    ("job-history", "/jobs/nightly-figures/history", "#job-nav"),
    ("job-configuration", "/jobs/nightly-figures/configuration", "#job-code"),
    ("job-dependencies", "/jobs/nightly-figures/dependencies", ".graph"),
    ("run", "/runs/{running}", "[data-seq='3']"),
    ("run-failed", "/runs/{failed}", "#run-outcome"),
    ("form", "/jobs/check-homepage/edit", "#form-preview .slots"),
    ("runs", "/runs", "tr[data-run]"),
    ("errors", "/errors", "main"),
    ("timeline", "/timeline?span=6h", "main svg"),
    ("load", "/timeline/load", "main svg"),
    ("tasks", "/tasks", ".task"),
    ("task", "/tasks/web_check", "main"),
    ("system", "/system", "#system"),
    ("settings", "/settings", "main"),
    ("people", "/settings/people", "main"),
    ("tokens", "/settings/tokens", "main"),
    ("audit", "/settings/audit", ".audit"),
]
"""A page's name, its address, and what must be on it before it is taken; each light, dark and on a phone."""
LOOKS: list[tuple[str, Literal["light", "dark"], ViewportSize]] = [
    ("light", "light", WIDE),
    ("dark", "dark", WIDE),
    ("phone", "light", PHONE),
]
JOBS: list[dict[str, Any]] = [
    {
        "id": "backup-orders",
        "task": "backup_sqlite",
        "args": {"database": "cronapp.db", "folder": "backups"},
        "schedule": {"kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"},
        "tags": ["backup"],
    },
    {
        "id": "check-homepage",
        "task": "web_check",
        "args": {"url": "http://127.0.0.1:9/"},
        "schedule": {"kind": "cron", "expression": "*/5 * * * *"},
        "tags": ["web"],
    },
    {
        "id": "check-shop",
        "task": "sample_task",
        "args": {"arg1": "shop", "arg2": 1},
        "schedule": {"kind": "interval", "every": "15m"},
        "tags": ["web"],
    },
    {
        "id": "find-primes",
        "task": "find_primes",
        "args": {"limit": 100000},
        "schedule": {"kind": "interval", "every": "2h"},
    },
    {
        "id": "nightly-figures",
        "task": "aggregate_sales",
        "schedule": {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"},
        "after": {"jobs": ["backup-orders"], "when": "success"},
        "tags": ["finance"],
        "description": "The figures of the day before, for the morning mail.",
    },
    {"id": "say-hello", "task": "sample_task", "args": {"arg1": "hello", "arg2": 42}, "schedule": {"kind": "manual"}},
    {
        "id": "send-figures",
        "task": "sample_task",
        "args": {"arg1": "figures", "arg2": "mail"},
        "schedule": {"kind": "dependency"},
        "after": {"jobs": ["nightly-figures"], "when": "success"},
        "tags": ["finance"],
    },
    {
        "id": "sync-invoices",
        "task": "slow_count",
        "args": {"seconds": 45, "label": "Invoices"},
        "schedule": {"kind": "interval", "every": "5m"},
        "tags": ["finance"],
    },
    {
        "id": "tidy-downloads",
        "task": "tidy_folder",
        "args": {"folder": "."},
        "schedule": {"kind": "cron", "expression": "0 4 * * sun", "timezone": "Europe/Berlin"},
    },
    {
        "id": "watch-the-log",
        "task": "chatter",
        "args": {"lines": 60, "delay_ms": 10},
        "schedule": {"kind": "interval", "every": "10m"},
    },
]
PACES: dict[str, tuple[float, float, float]] = {
    "backup-orders": (86_400, 240, 0),
    "check-homepage": (300, 2.4, 0.08),
    "check-shop": (900, 1.1, 0.01),
    "disk-space": (900, 0.3, 0),
    "find-primes": (7_200, 95, 0.02),
    "nightly-figures": (86_400, 48, 0.04),
    "send-figures": (86_400, 6, 0),
    "sync-invoices": (300, 44, 0.03),
    "tidy-downloads": (604_800, 12, 0),
    "watch-the-log": (600, 3.5, 0.01),
}
"""How many seconds lie between a job's runs, how many one takes, and how many of them fail."""
DAYS = 8
PASSWORD = "eleven quiet herons"
PEOPLE: list[dict[str, Any]] = [
    {"name": "ada", "role": "admin"},
    {"name": "grace", "role": "editor", "tags": ["finance"]},
    {"name": "konrad", "role": "operator"},
]
TOKENS: list[dict[str, Any]] = [
    {"name": "deploy", "role": "editor", "expires": "90d"},
    {"name": "status board", "role": "viewer", "tags": ["web"]},
]


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """`cronapp serve` on a free port; its address."""
    output = folder / "output.txt"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "cronapp", "serve", "tasks.py", "--port", "0"],
            cwd=folder,
            env={**os.environ, "CRONAPP_ADMIN_TOKEN": TOKEN},
            stdout=out,
            stderr=out,
        )
    try:
        for _ in range(1200):  # a minute, on a busy machine
            if found := re.search(r"serves (http://\S+)", output.read_text()):
                yield found[1]
                return
            time.sleep(0.05)
        raise RuntimeError(output.read_text())
    finally:
        process.terminate()
        process.wait(60)


def seed_history(database: Path) -> None:
    """Some days of runs for each job, the same on every call but for the day."""
    draw = random.Random(7)
    now = datetime.now(UTC)
    with sqlite3.connect(database) as db:
        long_ago = micros(now - timedelta(days=DAYS))
        db.execute("UPDATE jobs SET created_at = ?, updated_at = ?", (long_ago, long_ago))
        db.execute("UPDATE job_changes SET at = ?", (long_ago,))
        for key, job, task in db.execute("SELECT key, id, task FROM jobs ORDER BY id").fetchall():
            every, usual, wrong = PACES.get(job, (0, 0, 0))
            count = int(min(400, DAYS * 86_400 / every)) if every else 0
            for n in range(count, 0, -1):
                put_run(db, draw, (key, job, task), now - timedelta(seconds=every * (n - 0.4)), usual, wrong)


def put_run(
    db: sqlite3.Connection, draw: random.Random, job: tuple[int, str, str], at: datetime, usual: float, wrong: float
) -> None:
    failed = draw.random() < wrong
    lasted = usual * draw.uniform(0.8, 1.3) * (2.5 if draw.random() < 0.04 else 1)
    began = at + timedelta(milliseconds=draw.uniform(4, 30))
    row = {
        **dict(zip(("job_key", "job", "task"), job, strict=True)),
        "args": "{}",
        "slot": micros(at),
        "state": "failed" if failed else "succeeded",
        "trigger": "schedule",
        "attempt": 1,
        "queue": "default",
        "priority": 0,
        "queued_at": micros(at),
        "started_at": micros(began),
        "finished_at": micros(began + timedelta(seconds=lasted)),
        "duration": lasted,
        "node": "web-1:4711",
        "last_seq": 0,
        "missed": 1,
    }
    if failed:
        row |= {
            "error_type": "URLError",
            "error_message": "The host did not answer within 10 s.",
            "error_traceback": "",
            "error_group": "5d1f0c9ab2e34567",
            "error_frame": "tasks.py:81 in web_check",
        }
    names, places = ", ".join(row), ", ".join("?" * len(row))
    db.execute(f"INSERT INTO runs ({names}) VALUES ({places})", list(row.values()))


def micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


async def make_jobs(api: APIRequestContext, base: str) -> None:
    for job in JOBS:
        await call(api, "post", f"{base}/jobs", job)
    await call(api, "post", f"{base}/jobs/tidy-downloads/pause", {"reason": "The disk is being moved."})


async def make_people(api: APIRequestContext, base: str) -> None:
    for one in PEOPLE:
        await call(api, "post", f"{base}/users", {**one, "password": PASSWORD})
    for one in TOKENS:
        await call(api, "post", f"{base}/tokens", one)


async def sign_in(page: Page, base: str) -> None:
    await page.goto(f"{base}/login")
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def call(api: APIRequestContext, how: str, address: str, data: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    reply = await getattr(api, how)(address, headers=headers, data=json.dumps(data) if data is not None else None)
    assert reply.ok, await reply.text()
    return await reply.json()


async def live_on(api: APIRequestContext, base: str) -> dict[str, int]:
    """What happens just before the pictures: runs, an edit, a note, a slot that is skipped."""
    job = f"{base}/jobs/nightly-figures"
    await call(api, "patch", job, {"args": {"by": "month"}, "timeout": "10m"})
    await call(api, "patch", job, {"retry": {"max_attempts": 3}, "timeout": "5m"})
    await call(api, "post", f"{job}/notes", {"text": "The mail of Monday waits for these figures."})
    ahead = await call(api, "get", f"{job}/slots/upcoming")
    await call(api, "post", f"{job}/slots/skip", {"slot": ahead["items"][1]["slot"]})
    running = await call(api, "post", f"{base}/jobs/sync-invoices/run")
    await call(api, "post", f"{base}/jobs/watch-the-log/run")
    failed = await call(api, "post", f"{base}/jobs/check-homepage/run")
    return {"running": running["id"], "failed": failed["id"]}


async def shoot(browser: Browser, base: str, history: bool, only: list[str]) -> None:
    context = await browser.new_context(viewport=WIDE, timezone_id="Europe/Berlin", reduced_motion="reduce")
    if not history:
        await make_jobs(context.request, f"{base}/api/v1")
        await make_people(context.request, f"{base}/api/v1")
        return
    page = await context.new_page()
    await sign_in(page, base)
    state = await context.storage_state()
    runs = await live_on(context.request, f"{base}/api/v1")
    await page.goto(f"{base}/runs/{runs['running']}")
    await page.wait_for_selector("[data-seq='3']")
    for look, theme, view in LOOKS:
        themed = await browser.new_context(
            viewport=view,
            color_scheme=theme,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            storage_state=state,
        )
        tab = await themed.new_page()
        for name, path, ready in PICTURES:
            if not only or name in only:
                await picture(tab, base + path.format(**runs), ready, TARGET / f"{name}-{look}.png")
        await themed.close()


async def picture(tab: Page, address: str, ready: str, file: Path) -> None:
    await tab.goto(address)
    await tab.wait_for_selector(ready, state="attached")
    await tab.wait_for_selector("#live[data-state=live]", state="attached")
    await tab.evaluate("document.fonts.ready")
    await tab.screenshot(path=file)


async def main(only: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        shutil.copytree(ROOT / "examples", folder)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            with server(folder) as base:
                await shoot(browser, base, False, only)
            seed_history(folder / "cronapp.db")
            with server(folder) as base:
                await shoot(browser, base, True, only)
            await browser.close()


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1:]))
