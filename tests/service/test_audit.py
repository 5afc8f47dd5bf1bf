"""Whatever somebody does is written down with what was different, in the transaction that does it, and stays so."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from recipes import BY_HAND, EACH_MINUTE, FAILED, NOW, a_job, at, carry
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError
from support import ROOT, TASKS, TurnedClock

from cronapp.config import Settings
from cronapp.core.access import ALL, SERVER, Principal, asking
from cronapp.core.audit import AuditRow
from cronapp.core.errors import CronAppError, InvalidInput
from cronapp.core.models import JobState
from cronapp.service.backfills import Window
from cronapp.service.blackouts import Blackouts
from cronapp.service.bulk import Order
from cronapp.service.declarations import Declarations
from cronapp.service.services import Services, make_services
from cronapp.service.tasks import Tasks
from cronapp.store import audit
from cronapp.store.audit import AuditFilter
from cronapp.store.store import Store, Tx
from cronapp.store.tables import runs as run_rows

SECRETIVE = "from pydantic import SecretStr\ndef send(key: SecretStr, n: int = 1): ...\n" + TASKS
NIGHTLY = "from cronapp import task\n@task(schedule='0 3 * * *')\ndef nightly(n: int = 1): ...\n"


@pytest.fixture
def house(store: Store, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock) -> Services:
    return make_services(store, tasks, blackouts, Settings(), clock, clock)


@pytest.fixture(autouse=True)
def ada() -> Iterator[None]:
    """Who asks for all that is done in these tests."""
    before = asking.set(Principal(name="ada", sight=ALL, address="10.0.0.7"))
    yield
    asking.reset(before)


async def rows(house: Services, **wanted: Any) -> list[AuditRow]:
    """What was written down, the oldest first."""
    return (await house.audit.page(AuditFilter(**wanted), limit=500))[0][::-1]


async def deeds(house: Services) -> list[tuple[str, str | None]]:
    return [(row.action, row.target) for row in await rows(house)]


async def differences(house: Services) -> list[tuple[str, Any, Any]]:
    return [(row.action.partition(".")[2], row.before, row.after) for row in await rows(house)]


def deploy(house: Services, code: str) -> None:
    Path(house.tasks.sources[0]).write_text(code)
    house.tasks.reload()


# -- what is written down -------------------------------------------------------------------------------------------


async def test_each_change_of_a_job_tells_who_when_from_where_and_what_was_different(
    house: Services, clock: TurnedClock
) -> None:
    await house.jobs.create(a_job(schedule=EACH_MINUTE, args={"name": "Kiel"}), origin="api", by="ada")
    clock.turn(10)
    await house.jobs.edit("hourly", a_job(schedule=EACH_MINUTE, args={"name": "Ulm"}, timeout=60), by="ada")
    await house.jobs.pause("hourly", "deploying", by="ada", until=at("13:00"))
    await house.jobs.resume("hourly", "last", by="ada")
    await house.jobs.remove("hourly", by="ada")
    assert await differences(house) == [
        (
            "created",
            None,
            {"task": "hello", "schedule": "Every minute (* * * * *, UTC)", "args.name": '"Kiel"'},
        ),
        ("edited", {"timeout": "none", "args.name": '"Kiel"'}, {"timeout": "1 min", "args.name": '"Ulm"'}),
        ("paused", {"state": "active"}, {"state": "paused"}),
        ("resumed", {"state": "paused"}, {"state": "active"}),
        (
            "removed",
            {
                "task": "hello",
                "schedule": "Every minute (* * * * *, UTC)",
                "timeout": "1 min",
                "args.name": '"Ulm"',
            },
            None,
        ),
    ]
    told = await rows(house)
    assert {(row.by, row.address, row.target) for row in told} == {("ada", "10.0.0.7", "hourly")}
    assert [row.at - NOW for row in told[:2]] == [timedelta(), timedelta(seconds=10)]
    assert told[2].reason == "Until 2026-03-02 13:00:00 UTC: deploying"


async def test_runs_that_somebody_starts_stops_or_tries_again_are_told_with_their_other_arguments(
    house: Services, store: Store
) -> None:
    await house.jobs.create(a_job(schedule=BY_HAND, args={"name": "Kiel"}), origin="api")
    plain, other = await house.runs.run_now("hourly"), await house.runs.run_now("hourly", {"name": "Ulm", "times": 2})
    await house.runs.cancel(plain.id)
    await carry(house.runs, FAILED)
    again = await house.runs.retry(other.id)
    with pytest.raises(CronAppError):
        await house.runs.cancel(plain.id)
    assert (await differences(house))[1:] == [
        ("started", None, {"run": plain.id}),
        (
            "started",
            {"args.name": '"Kiel"', "args.times": "not given"},
            {"run": other.id, "args.name": '"Ulm"', "args.times": "2"},
        ),
        ("cancelled", {"run": plain.id, "state": "queued"}, None),
        ("retried", {"run": other.id}, {"run": again.id}),
    ]
    told = [row.action for row in await rows(house, target=f"#{other.id}")]
    assert told == ["run.started", "run.retried"]
    await store.write(lambda tx: tx.conn.execute(delete(run_rows)))  # as after its time
    assert [row.action for row in await rows(house, target=f"#{other.id}")] == told
    assert await rows(house, target="#" + "9" * 30) == []


async def test_one_change_of_many_is_a_row_for_each(house: Services) -> None:
    for job_id in ("a", "b", "paused"):
        await house.jobs.create(a_job(job_id), origin="api")
    await house.jobs.pause("paused")
    known = len(await rows(house))
    await house.bulk.carry_out(["a", "b", "paused", "gone"], Order(action="pause"), by="ada")
    await house.bulk.carry_out(["a", "b"], Order(action="run"), by="ada")
    found = await house.bulk_runs.carry_out([1, 2, 99], "cancel")
    assert len(found.done) == 2
    told = [(row.action, row.target) for row in (await rows(house))[known:]]
    assert sorted(told[:2]) == [("job.paused", "a"), ("job.paused", "b")]
    assert sorted(told[2:4]) == [("run.started", "a"), ("run.started", "b")]
    assert sorted(told[4:]) == [("run.cancelled", "a"), ("run.cancelled", "b")]


async def test_everything_else_that_somebody_changes_is_written_down_too(house: Services, clock: TurnedClock) -> None:
    await house.jobs.create(a_job(schedule=EACH_MINUTE), origin="api")
    slot, extra = NOW + timedelta(minutes=5), NOW + timedelta(minutes=5, seconds=30)
    await house.upcoming.skip("hourly", slot)
    await house.upcoming.undo_skip("hourly", slot)
    await house.upcoming.add("hourly", extra)
    await house.upcoming.remove_added("hourly", extra)
    note = await house.notes.add("hourly", "mind\nthe gap", by="ada")
    await house.notes.edit("hourly", note.id, "mind\nthe step", by="ada")
    await house.notes.remove("hourly", note.id)
    opened = await house.backfills.open("hourly", Window(since=at("10:00"), until=at("10:02")), by="ada")
    await house.backfills.cancel("hourly", opened.backfill.id)
    await house.trials.begin({"task": "hello", "args": {"name": "Ulm"}})
    await house.limits.set("queue", "mail", {"max_running": 2})
    await house.limits.set("queue", "mail", {"rate": "10/m"})
    await house.limits.clear("queue", "mail")
    await house.views.save("jobs", "mine", "?tag=a", by="ada")
    await house.views.save("jobs", "mine", "?tag=b", by="ada")
    await house.views.remove("jobs", "mine")
    await house.switch.pause("moving", by="ada")
    await house.switch.resume("last")
    assert (await deeds(house))[1:] == [
        *((f"job.{kind}", "hourly") for kind in ("slot_skipped", "skip_undone", "slot_added", "slot_removed")),
        *((f"note.{kind}", "hourly") for kind in ("added", "edited", "removed")),
        *(("backfill.opened", "hourly"), ("backfill.cancelled", "hourly"), ("trial.begun", "hello")),
        *(("limit.set", "queue mail"), ("limit.set", "queue mail"), ("limit.cleared", "queue mail")),
        *(("view.saved", "mine"), ("view.saved", "mine"), ("view.removed", "mine")),
        *(("scheduler.paused", None), ("scheduler.resumed", None)),
    ]
    by_action: dict[str, list[AuditRow]] = {}
    for row in await rows(house):
        by_action.setdefault(row.action, []).append(row)
    assert by_action["note.removed"][0].before == {"note": note.id, "text": "mind\nthe step", "by": "ada"}
    edited = by_action["note.edited"][0]
    assert (edited.before, edited.after) == (
        {"note": note.id, "text": "mind\nthe gap"},
        {"note": note.id, "text": "mind\nthe step"},
    )
    assert [(row.before, row.after) for row in by_action["limit.set"]] == [
        (None, {"max_running": 2}),
        ({"max_running": 2}, {"rate": "10/m"}),
    ]
    assert by_action["view.saved"][1].before == {"shows": "?tag=a"}
    assert by_action["backfill.opened"][0].after == {
        "backfill": opened.backfill.id,
        "runs": 3,
        "from": "2026-03-02 10:00:00 UTC",
        "to": "2026-03-02 10:02:00 UTC",
        "max_running": 1,
    }
    assert by_action["job.slot_skipped"][0].reason == "2026-03-02 12:05:00 UTC"
    assert by_action["scheduler.resumed"][0].reason == "The newest slot of those that passed was caught up."


async def test_what_nobody_asked_for_is_told_of_the_code_and_of_cron_app(house: Services, clock: TurnedClock) -> None:
    asking.set(SERVER)
    declarations = Declarations(house.jobs)
    for code in (NIGHTLY, NIGHTLY, NIGHTLY.replace("0 3", "0 4"), TASKS):
        deploy(house, code)
        await declarations.declare()
        await declarations.hold_against_code()
    deploy(house, TASKS)
    await house.jobs.create(a_job("shaky", schedule=BY_HAND, task="fail", pause_after_failures=1), origin="api")
    await house.runs.run_now("shaky")
    await carry(house.runs, FAILED)
    told = [(row.action, row.target, row.by, row.address) for row in await rows(house)]
    assert told == [
        ("job.created", "nightly", "code", None),
        ("job.edited", "nightly", "code", None),
        ("job.needs_attention", "nightly", "Cron-App", None),
        ("job.created", "shaky", "Cron-App", None),
        ("run.started", "shaky", "Cron-App", None),
        ("job.paused_itself", "shaky", "Cron-App", None),
    ]


async def test_no_secret_gets_into_the_audit(house: Services) -> None:
    deploy(house, SECRETIVE)
    data = {"id": "mails", "task": "send", "schedule": BY_HAND}
    await house.jobs.create({**data, "args": {"key": "first-secret"}}, origin="api")
    await house.jobs.edit("mails", {**data, "args": {"key": "second-secret", "n": 2}})
    await house.runs.run_now("mails", {"key": "third-secret"})
    await house.trials.begin({"task": "send", "args": {"key": "fourth-secret"}})
    deploy(house, TASKS)  # the task is gone, and with it what is known of its secrets
    await house.jobs.remove("mails")
    told = await rows(house)
    assert (told[1].before, told[1].after) == (
        {"args.key": "a secret", "args.n": "not given"},
        {"args.key": "another secret", "args.n": "2"},
    )
    assert "-secret" not in json.dumps([[row.before, row.after, row.reason] for row in told])


async def test_what_is_refused_or_undone_is_not_written_down(
    house: Services, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cronapp.audit")
    await house.jobs.create(a_job(), origin="api")
    with pytest.raises(InvalidInput):
        await house.jobs.create(a_job(), origin="api")
    with pytest.raises(CronAppError):
        await house.upcoming.undo_skip("hourly", at("13:00"))

    def fails(tx: Tx) -> None:
        audit.note(tx, NOW, "job.removed", "hourly")
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        await store.write(fails)
    assert await deeds(house) == [("job.created", "hourly")]
    assert [record.message.partition(" {")[0] for record in caplog.records] == ["ada from 10.0.0.7: job.created hourly"]


# -- found ----------------------------------------------------------------------------------------------------------


async def test_deeds_are_found_by_who_what_which_when_and_from_where(house: Services, store: Store) -> None:
    def put(tx: Tx) -> None:
        for by, address, action, target, when in (
            ("ada", "10.0.0.7", "job.created", "a", "08:00"),
            ("bob", "10.0.1.1", "note.added", "a", "09:00"),
            ("bob", "192.168.0.1", "session.began", None, "10:00"),
            ("ada", "10.0.0.7", "jobbing.begun", "b", "11:00"),
        ):
            mine = replace(tx, by=Principal(name=by, sight=ALL, address=address), events=[], later=[])
            audit.note(mine, at(when), action, target)

    await store.write(put)

    async def found(**wanted: Any) -> list[str]:
        return [row.action.partition(".")[0] for row in await rows(house, **wanted)]

    assert await found() == ["job", "note", "session", "jobbing"]
    assert await found(by="bob") == ["note", "session"]
    assert await found(action="jobs") == ["job", "note"]
    assert await found(action="job") == ["job"]
    assert await found(action="sign-ins", by="ada") == []
    assert await found(action="session.began") == ["session"]
    assert await found(target="a") == ["job", "note"]
    assert await found(address="10.0.") == ["job", "note", "jobbing"]
    assert await found(address="%") == []
    assert await found(since=at("09:00"), until=at("11:00")) == ["note", "session"]


async def test_pages_go_on_by_key_and_pieces_tell_all(house: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronapp.service.audit.PIECE", 3)
    for n in range(7):
        await house.jobs.create(a_job(f"job-{n}"), origin="api")
    first, following = await house.audit.page(AuditFilter(), limit=4)
    rest, end = await house.audit.page(AuditFilter(), before=following, limit=4)
    assert [row.target for row in (*first, *rest)] == [f"job-{n}" for n in reversed(range(7))]
    assert end is None
    pieces = [[row.target for row in piece] async for piece in house.audit.pieces(AuditFilter())]
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert [one for piece in pieces for one in piece] == [row.target for row in (*first, *rest)]


# -- kept -----------------------------------------------------------------------------------------------------------


async def test_only_what_is_older_than_the_settings_keep_goes(house: Services, clock: TurnedClock) -> None:
    await house.jobs.create(a_job("old"), origin="api")
    clock.turn(86_400)
    await house.jobs.create(a_job("newer"), origin="api")
    clock.turn(399.5 * 86_400)
    assert await house.audit.prune(days=400, batch=1) == 1
    assert await deeds(house) == [("job.created", "newer")]
    assert await house.audit.prune(days=400) == 0


async def test_the_database_refuses_to_change_a_row(house: Services, store: Store) -> None:
    await house.jobs.create(a_job(), origin="api")
    with pytest.raises(DBAPIError, match="never changed"):
        await store.write(lambda tx: tx.conn.execute(text("UPDATE audit SET by = 'nobody'")))
    assert [row.by for row in await rows(house)] == ["ada"]


def test_nothing_but_pruning_takes_rows_out_of_the_audit() -> None:
    """Every place of the program that could change the table: one, which deletes what is old."""
    known = re.compile(r"(?:delete|update|drop_table)\(\s*\"?audit\b|(?:DELETE FROM|UPDATE|TRUNCATE) audit\b")
    sources = [file for file in (ROOT / "cronapp").rglob("*.py") if "migrations" not in file.parts]
    found = [file.name for file in sources for _ in known.finditer(file.read_text())]
    assert found == ["audit.py"]
    assert str(delete(audit.audit)) == "DELETE FROM audit"
    assert "delete(audit)" in (ROOT / "cronapp/store/audit.py").read_text().partition("def prune")[2]


# -- the server's log -----------------------------------------------------------------------------------------------


async def test_each_row_is_a_line_of_the_servers_log_that_nothing_in_it_can_break(
    house: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cronapp.audit")
    asking.set(Principal(name="eve\r\n\x1b[2Jada", sight=ALL, address="10.0.0.9"))
    await house.jobs.create(a_job(description="one\ntwo\u2028three\u202e"), origin="api")
    await house.jobs.pause("hourly", "first\nada from 10.0.0.7: job.removed hourly")
    created, paused = (record.message for record in caplog.records)
    assert created.startswith(r"eve\r\n\x1b[2Jada from 10.0.0.9: job.created hourly {")
    assert r"one\ntwo\u2028three\u202e" in created
    assert paused == (
        r"eve\r\n\x1b[2Jada from 10.0.0.9: job.paused hourly "
        r'{"state": "active"} -> {"state": "paused"} (first\nada from 10.0.0.7: job.removed hourly)'
    )
    assert all(line.isprintable() for line in (created, paused))
    assert caplog.records[1].__dict__["audit"]["action"] == "job.paused"
    assert (await house.jobs.get("hourly")).state is JobState.PAUSED
