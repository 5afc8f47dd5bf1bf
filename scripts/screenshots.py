"""Makes docs/screenshots from a seeded example: `make screenshots`."""

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

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "screenshots"
FLAGS = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: list[tuple[str, Literal["light", "dark"], ViewportSize]] = [
    ("overview", "light", WIDE),
    ("jobs", "light", WIDE),
    ("jobs", "dark", WIDE),
    ("jobs", "light", PHONE),
    ("job", "light", WIDE),
    ("run", "dark", WIDE),
    ("form", "light", WIDE),
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
        "id": "find-primes",
        "task": "find_primes",
        "args": {"limit": 100000},
        "schedule": {"kind": "interval", "every": "2h"},
    },
    {
        "id": "nightly-figures",
        "task": "aggregate_sales",
        "schedule": {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"},
        "tags": ["finance"],
        "description": "The figures of the day before, for the morning mail.",
    },
    {"id": "say-hello", "task": "sample_task", "args": {"arg1": "hello", "arg2": 42}, "schedule": {"kind": "manual"}},
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


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """`cronapp serve` on a free port; its sign-in link."""
    output = folder / "output.txt"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "cronapp", "serve", "tasks.py", "--port", "0"],
            cwd=folder,
            env={**os.environ, "CRONAPP_ADMIN_TOKEN": "screenshots"},
            stdout=out,
            stderr=out,
        )
    try:
        for _ in range(200):
            if found := re.search(r"http://\S+token=\S+", output.read_text()):
                yield found[0]
                return
            time.sleep(0.05)
        raise RuntimeError(output.read_text())
    finally:
        process.terminate()
        process.wait(60)


def seed_history(database: Path) -> None:
    """A day of runs for each job, the same on every call but for the day."""
    draw = random.Random(7)
    now = datetime.now(UTC)
    with sqlite3.connect(database) as db:
        for key, job, task in db.execute("SELECT key, id, task FROM jobs ORDER BY id").fetchall():
            usual = draw.uniform(0.4, 40)
            count = 0 if job == "say-hello" else 40
            for n in range(count, 0, -1):
                at = now - timedelta(minutes=34 * n + draw.random())
                wrong = draw.random() < (0.25 if job == "check-homepage" else 0.03)
                lasted = usual * draw.uniform(0.7, 1.5)
                values = (
                    *(
                        key,
                        job,
                        task,
                        "{}",
                        micros(at),
                        "failed" if wrong else "succeeded",
                        "schedule",
                        1,
                        "default",
                        0,
                    ),
                    *(micros(at), micros(at), micros(at + timedelta(seconds=lasted)), lasted, "web-1:4711", 0, 1),
                    *(("URLError", "The host did not answer within 10 s.", "") if wrong else (None, None, None)),
                )
                db.execute(
                    "INSERT INTO runs (job_key, job, task, args, slot, state, trigger, attempt, queue, priority,"
                    " queued_at, started_at, finished_at, duration, node, last_seq, missed, error_type, error_message,"
                    f" error_traceback) VALUES ({', '.join('?' * len(values))})",
                    values,
                )


def micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


async def make_jobs(api: APIRequestContext, base: str) -> None:
    for job in JOBS:
        reply = await api.post(f"{base}/api/v1/jobs", data=json.dumps(job))
        assert reply.status == 201, await reply.text()
    await api.post(f"{base}/api/v1/jobs/tidy-downloads/pause", data='{"reason": "The disk is being moved."}')


async def shoot(browser: Browser, link: str, history: bool) -> None:
    base = link.partition("/login")[0]
    context = await browser.new_context(viewport=WIDE, timezone_id="Europe/Berlin", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(link)
    if not history:
        await make_jobs(context.request, base)
        return
    state = await context.storage_state()
    run = await (await context.request.post(f"{base}/api/v1/jobs/sync-invoices/run")).json()
    await context.request.post(f"{base}/api/v1/jobs/watch-the-log/run")
    await context.request.post(f"{base}/api/v1/jobs/check-homepage/run")
    await page.goto(f"{base}/runs/{run['id']}")
    await page.wait_for_selector("[data-seq='3']")
    addresses = {
        "overview": ("/", "#overview"),
        "jobs": ("/jobs", "tr[data-job]"),
        "job": ("/jobs/check-homepage", "#job-runs tr"),
        "run": (f"/runs/{run['id']}", "[data-seq='3']"),
        "form": ("/jobs/check-homepage/edit", "#form-preview .slots"),
    }
    for name, theme, view in PICTURES:
        themed = await browser.new_context(
            viewport=view,
            device_scale_factor=1.5,
            color_scheme=theme,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            storage_state=state,
        )
        path, ready = addresses[name]
        phone = "-phone" if view is PHONE else ""
        await picture(await themed.new_page(), base + path, ready, TARGET / f"{name}{phone}-{theme}.png")
        await themed.close()


async def picture(tab: Page, address: str, ready: str, file: Path) -> None:
    await tab.goto(address)
    await tab.wait_for_selector(ready)
    await tab.wait_for_selector("#live[data-state=live]", state="attached")
    await tab.evaluate("document.fonts.ready")
    await tab.screenshot(path=file)


async def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        shutil.copytree(ROOT / "examples", folder)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            with server(folder) as link:
                await shoot(browser, link, history=False)
            seed_history(folder / "cronapp.db")
            with server(folder) as link:
                await shoot(browser, link, history=True)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
