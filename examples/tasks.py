"""Tasks to try Cron-App with. Each does real work with the standard library alone, and each may be copied and changed.

Every public function here is a task: give it a schedule in the dashboard, or declare one with `@task(schedule=…)`.
"""

from __future__ import annotations

import asyncio
import csv
import logging
import random
import re
import shutil
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cronapp import current_run, progress, task

log = logging.getLogger(__name__)
SALES = Path(__file__).parent / "data" / "sales.csv"
STAMP = "%Y%m%d-%H%M%S-%f"
LARGEST_PAGE = 10_000_000  # bytes


def sample_task(arg1, arg2):
    """Print its two arguments. The smallest task there is."""
    print(f"Task executed with arguments: {arg1}, {arg2}")


@task(schedule="every 15m", tags=("machine",), description="Warns before the disk is full.")
def disk_space(
    path: Path = Path("/"), warn_below_percent: Annotated[float, Field(ge=0, le=100)] = 10.0
) -> dict[str, Any]:
    """Report how much room a disk has left.

    Args:
        path: Any folder on the disk.
        warn_below_percent: Log a warning when less than this is free.
    """
    usage = shutil.disk_usage(path)
    free_percent = round(100 * usage.free / usage.total, 1)
    print(f"{path}: {_gigabytes(usage.free)} of {_gigabytes(usage.total)} free ({free_percent} %)")
    if free_percent < warn_below_percent:
        log.warning("Only %s %% of %s is free; %s %% is the limit", free_percent, path, warn_below_percent)
    return {"path": str(path), "total": usage.total, "free": usage.free, "free_percent": free_percent}


def web_check(
    url: str,
    timeout: Annotated[float, Field(gt=0, le=300)] = 10,
    expect_status: Annotated[int, Field(ge=100, le=599)] = 200,
    contains: str | None = None,
) -> dict[str, Any]:
    """Fetch a web page and fail if it is not as it should be.

    Args:
        url: An http or https address.
        timeout: Seconds to wait for the server.
        expect_status: The HTTP status that means all is well.
        contains: Text that the page must contain.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"Only http and https addresses can be checked, not {url!r}.")
    started = time.monotonic()
    status, body = _fetch(url, timeout)
    seconds = round(time.monotonic() - started, 3)
    print(f"{url} answered {status} {_phrase(status)} in {seconds} s, {len(body)} bytes")
    if status != expect_status:
        raise RuntimeError(f"{url} answered {status} {_phrase(status)}, but {expect_status} was expected.")
    if contains and contains not in body.decode("utf-8", "replace"):
        raise RuntimeError(f"{url} answered, but the page does not contain {contains!r}.")
    return {"status": status, "seconds": seconds, "bytes": len(body)}


def backup_sqlite(database: Path, folder: Path, keep: Annotated[int, Field(ge=1)] = 7) -> dict[str, Any]:
    """Copy an SQLite database while it is in use, check the copy, and remove the oldest copies.

    Args:
        database: The file to save.
        folder: Where the copies go; it is made if it is not there.
        keep: How many copies stay.
    """
    if not database.is_file():
        raise FileNotFoundError(f"There is no database {database}.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{database.stem}-{datetime.now(UTC).strftime(STAMP)}.db"
    unfinished = target.with_suffix(".part")
    try:
        _copy_database(database, unfinished)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"Saved {database} as {target} ({target.stat().st_size} bytes)")
    removed = _remove_oldest(folder, database.stem, keep)
    return {"file": str(target), "bytes": target.stat().st_size, "removed": removed}


def aggregate_sales(
    source: Path = SALES,
    by: Literal["region", "product", "month"] = "region",
    top: Annotated[int, Field(ge=1, le=100)] = 5,
) -> dict[str, float]:
    """Add up a CSV file of sales and print the best.

    Args:
        source: A CSV file with the columns date, region, product, quantity and unit_price.
        by: What the totals are for.
        top: How many of them to show.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["date"][:7] if by == "month" else row[by]
            totals[key] += int(row["quantity"]) * Decimal(row["unit_price"])
    best = sorted(totals.items(), key=lambda item: item[1], reverse=True)[:top]
    width = max((len(key) for key, _ in best), default=0)
    print(f"Sales by {by}, {sum(totals.values()):,.2f} in all")
    for key, total in best:
        print(f"  {key:<{width}}  {total:>12,.2f}")
    return {key: float(total) for key, total in best}


async def slow_count(seconds: Annotated[int, Field(ge=1, le=86400)] = 20, label: str = "Counting") -> int:
    """Count one number a second, with a progress bar. Good for trying Cancel.

    Args:
        seconds: How long it takes.
        label: The words beside the bar.
    """
    for second in range(1, seconds + 1):
        await asyncio.sleep(1)
        progress(second, seconds, label)
        print(f"{label}: {second} of {seconds}")
    return seconds


@task(retries=2)
def flaky(fail_percent: Annotated[int, Field(ge=0, le=100)] = 30) -> str:
    """Ask a service that sometimes does not answer. Shows failures and retries.

    Args:
        fail_percent: How often it fails.
    """
    attempt = current_run().attempt
    print(f"Attempt {attempt}: asking the service")
    if random.randrange(100) < fail_percent:
        kind, reason = random.choice(
            [
                (ConnectionError, "The service closed the connection before it answered"),
                (TimeoutError, "The service did not answer within 5 seconds"),
                (ValueError, "The service answered with a page instead of JSON"),
            ]
        )
        raise kind(reason)
    return f"answered at attempt {attempt}"


@task(run_in="process")
def find_primes(limit: Annotated[int, Field(ge=2, le=50_000_000)] = 200_000) -> dict[str, int]:
    """Count the prime numbers up to a limit by trial division: all computing, so it has a process of its own.

    Args:
        limit: The largest number to look at.
    """
    primes: list[int] = []
    step = max(limit // 20, 1)
    for number in range(2, limit + 1):
        if _is_prime(number, primes):
            primes.append(number)
        if number % step == 0 or number == limit:
            progress(number, limit, f"{len(primes)} primes")
            print(f"{len(primes)} primes up to {number}")
    return {"count": len(primes), "largest": primes[-1]}


def tidy_folder(folder: Path, older_than: timedelta = timedelta(days=30), dry_run: bool = True) -> dict[str, Any]:
    """Remove the old files directly in a folder.

    Args:
        folder: Folders inside it, links and hidden files are left alone.
        older_than: How long ago a file was changed last.
        dry_run: Only say what would be removed.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    limit = time.time() - older_than.total_seconds()
    old = [path for path in sorted(folder.iterdir()) if _is_plain_file(path) and path.stat().st_mtime < limit]
    size = sum(path.stat().st_size for path in old)
    for path in old:
        print(f"{'Would remove' if dry_run else 'Removing'} {path}")
        if not dry_run:
            path.unlink()
    print(f"{len(old)} files, {size} bytes{' (dry run: nothing was removed)' if dry_run else ''}")
    return {"files": len(old), "bytes": size, "removed": not dry_run}


def chatter(lines: Annotated[int, Field(ge=1)] = 100, delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 50) -> int:
    """Say much in every way a task can: print, logging, warnings, stderr, colours. Good for the live log.

    Args:
        lines: How many lines.
        delay_ms: Milliseconds between two lines.
    """
    voices = [
        lambda n: print(f"Line {n} of {lines}"),
        lambda n: print(f"\033[32mLine {n} is green\033[0m and \033[1;34mbold blue\033[0m"),
        lambda n: log.info("Line %d, for those who look closely", n),
        lambda n: log.info("Line %d went well", n),
        lambda n: log.warning("Line %d is odd", n),
        lambda n: log.error("Line %d could not be delivered", n),
        lambda n: print(f"Line {n} on stderr", file=sys.stderr),
        lambda n: warnings.warn(f"Line {n} is a warning of Python's", stacklevel=2),
        lambda n: print(f"Zeile {n}: Grüße, Ελλάδα, 日本, 🎉 <b>not bold</b>"),
    ]
    for number in range(1, lines + 1):
        voices[(number - 1) % len(voices)](number)
        progress(number, lines)
        time.sleep(delay_ms / 1000)
    return lines


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Window:
    """The part of the day that counts."""

    first_hour: Annotated[int, Field(ge=0, le=23)] = 0
    last_hour: Annotated[int, Field(ge=0, le=23)] = 23


def summarise_log(
    file: Path,
    pattern: str = r"\b(ERROR|WARNING|INFO)\b",
    window: Window = Window(),
    style: Format = Format.TEXT,
) -> dict[str, int]:
    """Count what a log file says, for example its errors and warnings.

    Args:
        file: A text file. Lines may start with a time such as 2026-01-31 09:30.
        pattern: A regular expression; what it finds is counted.
        window: Only lines of these hours count; lines without a time always do.
        style: How the table is printed.
    """
    counts: dict[str, int] = defaultdict(int)
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _is_within(line, window):
                for match in re.finditer(pattern, line):
                    counts[match[0]] += 1
    ranked = dict(sorted(counts.items(), key=lambda item: -item[1]))
    for name, count in ranked.items():
        print(f"| {name} | {count} |" if style is Format.MARKDOWN else f"{count:>8}  {name}")
    return ranked


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in list(HTTPStatus) else "(unknown status)"


def _fetch(url: str, timeout: float) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"User-Agent": "cronapp-web-check"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(LARGEST_PAGE)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(LARGEST_PAGE)
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(f"{url} cannot be reached within {timeout} s: {reason}") from error


def _copy_database(database: Path, target: Path) -> None:
    def told(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total, "pages copied")

    with (
        closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy, pages=256, progress=told)
        answer = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        raise RuntimeError(f"The copy of {database} is damaged: {answer}")


def _remove_oldest(folder: Path, stem: str, keep: int) -> list[str]:
    name = re.compile(re.escape(stem) + r"-\d{8}-\d{6}-\d{6}\.db")
    copies = sorted(path for path in folder.iterdir() if name.fullmatch(path.name))
    for path in copies[:-keep]:
        print(f"Removing the old copy {path}")
        path.unlink()
    return [path.name for path in copies[:-keep]]


def _is_prime(number: int, smaller: list[int]) -> bool:
    for prime in smaller:
        if prime * prime > number:
            break
        if number % prime == 0:
            return False
    return True


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def _is_within(line: str, window: Window) -> bool:
    hour = re.match(r"\S*\d{4}-\d\d-\d\d[T ](\d\d):", line)
    return hour is None or window.first_hour <= int(hour[1]) <= window.last_hour
