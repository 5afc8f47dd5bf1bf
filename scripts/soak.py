"""Kills a busy server at random moments, again and again, and asks for every slot that it owed: `make soak`.

`--seed N` repeats the moments of another soak, `--kills N` and `--longest SECONDS` (between two kills) its length.
Ends with the status 1, and leaves the server's folder, if a promise was broken.
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

from auditing import Audit  # noqa: E402
from soaking import soak  # noqa: E402
from support import Server  # noqa: E402

SHOWN = 50


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--longest", type=float, default=12.0)
    return parser.parse_args()


async def main() -> int:
    given = asked()
    folder = Path(tempfile.mkdtemp(prefix="cronapp-soak-"))
    print(f"seed {given.seed}, {given.kills} kills, in {folder}", flush=True)
    began = time.monotonic()
    server = Server(folder)
    try:
        found = await soak(server, seed=given.seed, kills=given.kills, longest=given.longest, say=say)
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
    tell(found, time.monotonic() - began)
    if found.wrong:
        return 1
    shutil.rmtree(folder)
    return 0


def tell(found: Audit, took: float) -> None:
    say(f"{took:.0f} s; runs began {statistics.median(found.late()):.2f} s after their slots (median)")
    for sentence in found.wrong[:SHOWN]:
        say(f"BROKEN: {sentence}")
    if len(found.wrong) > SHOWN:
        say(f"and {len(found.wrong) - SHOWN} more")
    say(f"{len(found.wrong)} promises broken" if found.wrong else "no slot lost, none doubled, none left open")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
