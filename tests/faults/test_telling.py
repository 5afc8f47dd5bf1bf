"""A server that dies while it tells something: nothing is lost, and nothing is told twice."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from receiving import Receiver, receiving
from support import Server, until

BY_HAND = {"kind": "manual"}
SECRETS = ("s3cret-word", "t0ken-of-mine")


def states(server: Server) -> list[tuple[str, str]]:
    """What was told of which job, and what became of it, in its order."""
    with closing(sqlite3.connect(server.folder / "cronapp.db")) as conn:
        rows = conn.execute("SELECT job, state FROM deliveries ORDER BY id").fetchall()
    return [(str(job), str(state)) for job, state in rows]


async def started(server: Server, receiver: Receiver) -> None:
    server.env = {"CRONAPP_ALLOW_PRIVATE_HOOKS": "true", "CRONAPP_NOTIFY": receiver.apprise}
    await asyncio.to_thread(server.start)


async def api(server: Server, method: str, path: str, **options: Any) -> Any:
    reply = await asyncio.to_thread(server.api, method, path, **options)
    assert reply.status_code < 400, reply.text
    return reply.json()


async def fails(server: Server, job: str) -> None:
    await api(server, "POST", "/jobs", json={"id": job, "task": "fail", "schedule": BY_HAND})
    await api(server, "POST", f"/jobs/{job}/run")


async def test_what_a_killed_server_was_telling_is_not_told_again_and_what_waited_is_told_once(
    server: Server,
) -> None:
    async with receiving() as receiver:
        await started(server, receiver)
        receiver.hold.clear()  # the receiver has it, and the server does not know that yet
        await fails(server, "first")
        await until(lambda: len(receiver.got) == 1)
        await fails(server, "second")  # waits behind the first
        await until(lambda: ("second", "waiting") in states(server))
        await asyncio.to_thread(server.kill)
        assert states(server) == [("first", "sending"), ("second", "waiting")]

        receiver.hold.set()
        await started(server, receiver)
        await until(lambda: states(server) == [("first", "unknown"), ("second", "sent")])
        assert receiver.titles == ["first failed", "second failed"]
        listed = (await api(server, "GET", "/deliveries?state=unknown"))["items"]
        assert "not known whether it arrived" in listed[0]["error"]
        await a_hanging_receiver_holds_nothing_up(server, receiver)
        kept = [path for path in server.folder.glob("cronapp.db*") if path.suffix != ".key"]
        seen = [path.read_bytes().decode("latin-1") for path in kept] + [server.text()]
        assert not [secret for secret in SECRETS for text in seen if secret in text]


async def a_hanging_receiver_holds_nothing_up(server: Server, receiver: Receiver) -> None:
    """No run waits for it, nor does the end of the server."""
    receiver.hold.clear()
    await fails(server, "third")
    await until(lambda: len(receiver.got) == 3)
    await api(server, "POST", "/jobs", json={"id": "well", "task": "hello", "schedule": BY_HAND})
    run = await api(server, "POST", "/jobs/well/run")

    async def succeeded() -> bool:
        return bool((await api(server, "GET", f"/runs/{run['id']}"))["state"] == "succeeded")

    await until(succeeded)
    assert await asyncio.to_thread(server.stop) == 0
    assert states(server)[-1] == ("third", "unknown")
