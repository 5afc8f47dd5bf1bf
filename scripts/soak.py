"""Kills a busy server at random moments, again and again, and asks for every slot that it owed: `make soak`.

`--seed N` repeats the moments of another soak, `--kills N` and `--longest SECONDS` (between two kills) its length.
With `--fleet` several servers and workers share a PostgreSQL: they are killed, stopped and continued, and it crashes
in the middle. `--minutes N`, `--rate N` (slots each second), `--servers N`, `--workers N`, `--pause SECONDS` (between
two deeds) and `--away SECONDS` (without a database) say how much. Ends with the status 1, and leaves the folder, if a
promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from databases import Cluster  # noqa: E402
from fleet_soaking import Plan, soak_fleet  # noqa: E402
from soaking import soak  # noqa: E402
from support import Server  # noqa: E402

SHOWN = 50


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--longest", type=float, default=12.0)
    parser.add_argument("--fleet", action="store_true")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=int, default=Plan.rate)
    parser.add_argument("--servers", type=int, default=Plan.servers)
    parser.add_argument("--workers", type=int, default=Plan.workers)
    parser.add_argument("--pause", type=float, default=Plan.pause)
    parser.add_argument("--away", type=float, default=Plan.away)
    return parser.parse_args()


async def main() -> int:
    given = asked()
    folder = Path(tempfile.mkdtemp(prefix="cronapp-soak-"))
    began = time.monotonic()
    if given.fleet:
        wrong = await of_a_fleet(given, folder)
    else:
        wrong = await of_a_server(given, folder)
    for sentence in wrong[:SHOWN]:
        say(f"BROKEN: {sentence}")
    if len(wrong) > SHOWN:
        say(f"and {len(wrong) - SHOWN} more")
    say(f"{len(wrong)} promises broken" if wrong else "no slot lost, none doubled, none left open")
    say(f"{time.monotonic() - began:.0f} s")
    if wrong:
        return 1
    shutil.rmtree(folder)
    return 0


async def of_a_server(given: argparse.Namespace, folder: Path) -> list[str]:
    say(f"seed {given.seed}, {given.kills} kills, in {folder}")
    server = Server(folder)
    try:
        found = await soak(server, seed=given.seed, kills=given.kills, longest=given.longest, say=say)
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
    say(f"runs began {statistics.median(found.late()):.2f} s after their slots (median)")
    return found.wrong


async def of_a_fleet(given: argparse.Namespace, folder: Path) -> list[str]:
    seconds = given.minutes * 60 + given.away
    plan = Plan(given.seed, seconds, given.rate, given.servers, given.workers, given.pause, away=given.away)
    say(
        f"seed {plan.seed}: {plan.servers} servers, {plan.workers} workers, {plan.rate} slots each second for "
        f"{plan.seconds:g} s, in {folder}"
    )
    cluster = Cluster()
    try:
        found = await soak_fleet(folder, cluster, plan, say)
    finally:
        cluster.drop()
    say(found.table())
    return found.wrong


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
