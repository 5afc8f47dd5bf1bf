"""Several servers and workers that a seeded loop kills, stops and continues, and whose PostgreSQL crashes meanwhile.

`make soak ARGS=--fleet` runs the long form, tests/faults/test_fleet.py a short one; `fleet_audit` has what is asked
afterwards.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from databases import Cluster
from fleet_audit import FleetAudit, Promise, audit_fleet, keep_rows, watch_rows
from fleets import STALL, Fleet, launch, name_of
from hurting import make
from support import Server

TASKS = '''
import asyncio, os, random, secrets, time

from cronapp import current_run, task

MARKS = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def say(word, text):
    """A line that outlives any crash: one write, at the end of the file, so it is whole."""
    run = current_run()
    os.write(MARKS, f"{word} {run.id} {run.attempt} {text}\\n".encode())


def begin():
    text = secrets.token_hex(8)
    say("began", text)
    print(text)
    return text


def end(text, fails):
    print("over")
    if current_run().attempt <= fails:
        say("raised", text)
        raise ValueError(text)
    say("returned", text)
    return text


def drawn(most):
    run = current_run()
    return random.Random(f"{run.id}/{run.attempt}").uniform(0, most)


async def on_loop(most: float = 0.0, fails: int = 0):
    """Work for a while; the first attempts fail."""
    text = begin()
    await asyncio.sleep(drawn(most))
    return end(text, fails)


def in_thread(most: float = 0.0, fails: int = 0):
    """Work for a while; the first attempts fail."""
    text, over = begin(), time.monotonic() + drawn(most)
    while time.monotonic() < over:
        current_run().check()
        time.sleep(0.01)
    return end(text, fails)


@task(run_in="process")
def in_process(most: float = 0.0, fails: int = 0):
    """Work for a while; the first attempts fail."""
    text = begin()
    time.sleep(drawn(most))
    return end(text, fails)
'''
CAUGHT_UP = {"misfire": {"policy": "all", "grace": 3600}, "overlap": "queue_all"}
RETRIED = {"retry": {"max_attempts": 3, "delay": 0.2, "max_delay": 1}}
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("quick", "on_loop", {}),
    ("slow", "on_loop", {"args": {"most": 0.5}}),
    ("thread", "in_thread", {"args": {"most": 0.5}}),
    ("quick-again", "on_loop", RETRIED),
    ("slow-again", "in_thread", {"args": {"most": 0.5}} | RETRIED),
    ("flaky", "on_loop", {"args": {"fails": 1}} | RETRIED),
    ("skip", "on_loop", {"args": {"most": 2.0}, "overlap": "skip"}),
    ("queue", "in_thread", {"args": {"most": 1.5}, "overlap": "queue"}),
    ("cancel", "on_loop", {"args": {"most": 2.0}, "overlap": "cancel_running"}),
    ("allow", "on_loop", {"args": {"most": 2.0}, "overlap": "allow", "max_running": 3}),
)
"""One of each by turns, a slot each second: the beginning of the job's id, its task, its rules."""
SOURCES = ("quick-0", "flaky-0")
"""Of what comes after others."""
CHILD_EVERY = 3  # seconds; less than even the short form lasts, so it has a slot
TO_MAKE = 0.1  # seconds that it takes to make a job, about
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """How long and how hard."""

    seed: int
    seconds: float = 60.0
    rate: int = 60
    servers: int = 3
    workers: int = 3
    pause: float = 2.5  # seconds between two deeds, on average
    stall: float = STALL
    away: float = 3.0  # of them without a database, in the middle


@dataclass
class Soak:
    plan: Plan
    fleet: Fleet
    cluster: Cluster
    say: Callable[[str], None]
    deeds: Counter[str] = field(default_factory=Counter)
    hurt: set[str] = field(default_factory=set)
    told_without_database: set[int] = field(default_factory=set)

    async def run(self) -> FleetAudit:
        for kind, count in (("server", self.plan.servers), ("worker", self.plan.workers)):
            for number in range(1, count + 1):
                launch(self.fleet.add(kind, f"{kind}-{number}"))
        for member in self.fleet.members.values():
            await asyncio.to_thread(member.wait_ready)
        watch_rows(self.cluster.url)
        promises = await asyncio.to_thread(self.make_jobs)
        await self.hurt_them()
        await self.rest(promises)
        self.say("at rest; all are asked to end")
        statuses = await asyncio.gather(*(asyncio.to_thread(one.stop) for one in self.fleet.members.values()))
        found = audit_fleet(self.cluster.url, promises, Path(self.fleet.env["MARKS"]), self.deeds)
        found.wrong += [f"a process ended with the status {status}" for status in statuses if status]
        told = self.told_without_database - {503}
        found.wrong += [f"a server told the status {status} while the database was away" for status in told]
        if found.wrong:
            keep_rows(self.cluster.url, self.fleet.folder)
        return found

    def make_jobs(self) -> list[Promise]:
        """Jobs whose first and last moments are known before: so their slots are, whatever the program does."""
        server, plan = self.fleet.servers[0], self.plan
        lasting = timedelta(seconds=round(plan.rate * TO_MAKE + plan.seconds))
        promises = []

        def promise(job: str, task: str, every: int, offset: timedelta | None, rules: dict[str, Any]) -> None:
            anchor = EPOCH + (offset or timedelta())
            schedule = (
                {"kind": "cron", "expression": "* * * * * *"}
                if offset is None
                else {"kind": "interval", "every": every, "anchor": anchor.isoformat()}
            )
            rules = CAUGHT_UP | rules
            since = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=900_000)  # nothing has a slot then
            upto = since + lasting
            make(server, job, task, schedule, **rules, starts_at=since.isoformat(), ends_at=upto.isoformat())
            attempts = rules.get("retry", {}).get("max_attempts", 1)
            promises.append(Promise(job, since, upto, anchor, every, attempts, rules.get("max_running", 1)))
            if job in SOURCES:  # at once, before the first end
                after = {"after": {"jobs": [job], "when": "any", "mode": "each"}, "overlap": "queue_all"}
                make(server, f"after-{job}", "on_loop", {"kind": "dependency"}, **after)

        for number in range(plan.rate):
            name, task, rules = KINDS[number % len(KINDS)]
            turn = number // len(KINDS)
            promise(f"{name}-{turn}", task, 1, timedelta(milliseconds=125 * turn) if turn % 2 else None, rules)
        promise("child", "in_process", CHILD_EVERY, timedelta(milliseconds=500), RETRIED)
        return promises

    # -- what is done to them ---------------------------------------------------------------------------------------

    async def hurt_them(self) -> None:
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for when, whom, deed, length in drawn(self.plan, sorted(self.fleet.members)):
                await asyncio.sleep(began + when - asyncio.get_running_loop().time())
                group.create_task(self.do(whom, deed, length))

    async def do(self, whom: str, deed: str, length: float) -> None:
        if deed == "crash":
            await self.be_without_database(length)
        elif whom in self.hurt:
            return
        else:
            self.hurt.add(whom)
            await self.harm(self.fleet.members[whom], whom, deed, length)
            self.hurt.discard(whom)
        self.deeds[deed] += 1

    async def be_without_database(self, length: float) -> None:
        """Servers go on, and say so."""
        self.say(f"PostgreSQL crashes, and starts again after {length:.1f} s")
        await asyncio.to_thread(self.cluster.crash)
        until = time.monotonic() + length
        for name, server in self.fleet.members.items():
            if server in self.fleet.servers and name not in self.hurt:
                with suppress(httpx.HTTPError):  # it may be hurt just now
                    told = await asyncio.to_thread(server.api, "GET", "/jobs", timeout=15)
                    self.told_without_database.add(told.status_code)
        await asyncio.sleep(max(until - time.monotonic(), 0))
        await asyncio.to_thread(self.cluster.start)

    async def harm(self, member: Server, name: str, deed: str, length: float) -> None:
        if deed == "kill":
            self.say(f"{name} is killed, and comes again after {length:.1f} s")
            member.kill()
            await asyncio.sleep(length)
            await self.bring_back(member, name)
        else:
            self.say(f"{name} is stopped for {length:.1f} s")
            member.signal(signal.SIGSTOP)
            await asyncio.sleep(length)
            member.signal(signal.SIGCONT)

    async def bring_back(self, member: Server, name: str) -> None:
        """As whoever watches over processes does: one that cannot start, as without its database, is started again."""
        limit = time.monotonic() + 60 + self.plan.away
        while time.monotonic() < limit:
            launch(member)
            try:
                await asyncio.to_thread(member.wait_ready, 120)
                return
            except AssertionError:
                if member.process is None or member.process.poll() != 1:
                    raise
            self.say(f"{name} cannot start: {member.text().splitlines()[-1]}")
            await asyncio.sleep(1)
        raise AssertionError(f"{name} does not start")

    # -- the end ----------------------------------------------------------------------------------------------------

    async def rest(self, promises: list[Promise]) -> None:
        """Until all that is owed is done, at most some minutes: what is open then the audit tells."""
        self.say("nobody is hurt any more")
        server = self.fleet.servers[-1]
        ends = max(promise.upto for promise in promises)
        await asyncio.sleep(max((ends - datetime.now(UTC)).total_seconds(), 0))

        limit = time.monotonic() + 60 + 5 * self.plan.seconds
        while self.busy(server):
            if time.monotonic() > limit:
                self.say("they do not come to rest")
                return
            await asyncio.sleep(1)

    def busy(self, server: Server) -> bool:
        active = [job for job in listed(server, "/jobs?state=active") if not job["id"].startswith("after-")]
        going = [run for state in ("queued", "running") for run in listed(server, f"/runs?state={state}")]
        known = {worker["id"] for worker in listed(server, "/workers")}
        return bool(active or going) or known != {name_of(one) for one in self.fleet.members.values()}


def drawn(plan: Plan, members: list[str]) -> list[tuple[float, str, str, float]]:
    """When whom is done what for how long. All is drawn before, so that the same seed does the same."""
    chance = random.Random(plan.seed)
    deeds = [((plan.seconds - plan.away) / 2, "", "crash", plan.away)]
    at = chance.uniform(0, plan.pause)
    while at < plan.seconds:
        deed = chance.choice(("kill", "kill", "stop", "pause"))
        length = chance.uniform(0, 3) if deed == "kill" else chance.uniform(0.3, 0.9) * plan.stall
        if deed == "stop":  # for so long that the others give it up
            length += plan.stall
        deeds.append((at, chance.choice(members), deed, length))
        at += chance.uniform(0, 2 * plan.pause)
    return sorted(deeds)


def listed(server: Server, path: str) -> list[dict[str, Any]]:
    reply = server.api("GET", path)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["items"])


async def soak_fleet(folder: Path, cluster: Cluster, plan: Plan, say: Callable[[str], None] = print) -> FleetAudit:
    env = {"MARKS": str(folder / "marks"), "CRONAPP_STALL": str(plan.stall)}
    fleet = Fleet(folder, cluster.url, TASKS, env)
    try:
        return await Soak(plan, fleet, cluster, say).run()
    finally:
        fleet.end()
