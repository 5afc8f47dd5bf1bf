"""Who may be given up, and when."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cronapp.engine import reaper
from cronapp.engine.machine import is_gone, machine
from cronapp.engine.reaper import LOOK_EVERY, Reaper


async def test_silence_counts_only_while_the_server_itself_is_awake_and_hears_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(reaper, "time", SimpleNamespace(monotonic=lambda: now[0]))
    fleet: Any = SimpleNamespace(stall=10.0)
    one = Reaper(fleet, "", lambda _: None)  # type: ignore[arg-type, return-value]

    async def looks(seconds: float) -> list[bool]:
        found = []
        for _ in range(int(seconds / LOOK_EVERY)):
            now[0] += LOOK_EVERY
            found.append(await one._hears())
        return found

    assert not any(await looks(9.5)), "at its start it does not know whether others could reach the database"
    assert all(await looks(5))
    now[0] += 4
    assert await one._hears(), "on a busy machine somebody must be given up too"
    now[0] += 60  # it was stopped, or waited for the database so long
    assert not await one._hears()
    assert not any(await looks(9.5)), "the others have their time to be heard again"
    assert all(await looks(5))


async def test_one_that_cannot_be_given_up_keeps_no_other_and_runs_of_nobody_are_looked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(reaper, "time", SimpleNamespace(monotonic=lambda: now[0]))
    asked, forgotten = [], []

    async def bury(name: str, *, dead: bool) -> list[Any] | None:
        assert name != "bad", "what follows from the end of one of its runs fails"
        return [] if name == "silent" else None

    async def lose_unknown() -> list[Any]:
        asked.append(now[0])
        return []

    async def forget(names: Any) -> None:
        forgotten.extend(names)

    fleet: Any = SimpleNamespace(stall=10.0, bury=bury, lose_unknown=lose_unknown)
    one = Reaper(fleet, "", forget)
    await one._bury(["bad", "heard of again", "silent"])
    assert forgotten == ["silent"]
    for _ in range(50):
        now[0] += LOOK_EVERY
        if await one._hears():
            await one._lose_unknown()
    assert asked == [1010.0, 1020.0]


def test_a_process_of_this_machine_is_known_to_be_gone_or_not() -> None:
    assert machine() == machine() != ""
    assert not is_gone(os.getpid(), datetime.now(UTC))
    assert is_gone(os.getpid(), datetime.now(UTC) - timedelta(days=30)), "another process has its number by now"
    assert is_gone(2**22 + 1, datetime.now(UTC)), "no process has such a number"
