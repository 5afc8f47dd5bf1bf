"""Secrets at rest: nothing of them stands in the database, whatever is done with a job, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from sqlalchemy import Connection, insert, select, text, update
from support import VAULT, TurnedClock

from cronapp.core.errors import InvalidInput, NoSecretKey, SecretNotFound
from cronapp.core.events import Event, SecretsChanged
from cronapp.core.hidden import MASK, Named, Sealed
from cronapp.core.models import Outcome, RunState
from cronapp.core.vault import Vault
from cronapp.service.backfills import Backfills, Window
from cronapp.service.blackouts import Blackouts
from cronapp.service.declarations import Declarations
from cronapp.service.history import History
from cronapp.service.jobs import Jobs
from cronapp.service.repairs import Repairs
from cronapp.service.runs import Runs
from cronapp.service.sealing import Sealing
from cronapp.service.secrets import Secrets
from cronapp.service.tasks import Tasks
from cronapp.service.trials import Trials
from cronapp.store.open import open_store
from cronapp.store.store import Store, Tx
from cronapp.store.tables import audit, job_changes, users
from cronapp.store.tables import jobs as jobs_table
from cronapp.store.tables import runs as runs_table
from cronapp.store.tables import secrets as secrets_table

HEAD = "from pydantic import BaseModel, SecretStr\nfrom cronapp import task\n"
SEND = (
    HEAD
    + """
class Db(BaseModel):
    url: str
    password: SecretStr
def send(key: SecretStr, dbs: list[Db] = [], n: int = 1): ...
"""
)
OLD_KEY, NEW_KEY = "the-key-that-all-tests-share-1234567890", "another-key-that-is-long-enough-for-it-1"
MANUAL = {"kind": "manual"}
HOURLY = {"kind": "cron", "expression": "0 * * * *"}


@pytest.fixture
def deploy(tasks: Tasks) -> Callable[[str], None]:
    def write(source: str) -> None:
        Path(tasks.sources[0]).write_text(source)
        tasks.reload()

    return write


@pytest.fixture
def secrets(store: Store, clock: TurnedClock) -> Secrets:
    return Secrets(store, VAULT, clock)


def everything(conn: Connection) -> str:
    """All that the database holds, table by table."""
    sqlite = conn.dialect.name == "sqlite"
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if sqlite
        else "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    names = [row[0] for row in conn.execute(text(listed))]
    return "\n".join(repr(row) for name in names for row in conn.execute(text(f'SELECT * FROM "{name}"')))


def bytes_of(store: Store) -> bytes:
    """The files of an SQLite database as they are on the disk."""
    path = getattr(store, "path", None)
    return b"".join(Path(path + end).read_bytes() for end in ("", "-wal") if Path(path + end).exists()) if path else b""


async def test_no_secret_is_in_the_database_after_all_that_can_be_done(
    store: Store, jobs: Jobs, runs: Runs, tasks: Tasks, clock: TurnedClock, deploy: Any, secrets: Secrets
) -> None:
    deploy(SEND)
    history = History(jobs)
    base = {"id": "send", "task": "send", "schedule": HOURLY}
    dbs = [{"url": "postgresql://shop", "password": "geheim-db"}]
    await jobs.create(base | {"args": {"key": "geheim-1", "dbs": dbs}}, origin="browser")
    await jobs.edit("send", base | {"args": {"key": "geheim-2", "dbs": dbs}})
    await jobs.edit("send", base | {"args": {"key": "geheim-2", "dbs": dbs, "n": 2}})
    run = await runs.run_now("send", {"key": "geheim-3"})
    claimed = await runs.claim("node", 5)
    await runs.finish(claimed[0].run, Outcome(state=RunState.FAILED), 1.0)
    await runs.retry(run.id)
    await Trials(store, tasks, clock).begin({"task": "send", "args": {"key": "geheim-4"}})
    clock.turn(3 * 3600)
    window = Window(since=clock.now.replace(hour=0), until=clock.now, args={"key": "geheim-5"})
    await Backfills(store, tasks, clock).open("send", window, by="me")
    await history.restore("send", 1)
    await secrets.put("DB", "geheim-6")
    kept = await store.read(everything)
    assert "postgresql://shop" not in kept, "an argument with a secret in it is encrypted as a whole"
    assert "geheim" not in kept
    assert b"geheim" not in bytes_of(store)
    job = await jobs.get("send")
    assert tasks.opened(job.spec.args) == {"key": "geheim-1", "dbs": dbs}
    changes, _ = await history.page("send")
    told = [[(f.field, f.old, f.new) for f in change.fields(history.mask(job.fits))] for change in changes]
    assert told[0] == [("args.key", "a secret", "another secret"), ("args.n", "2", "not given")]
    assert told[1:3] == [[("args.n", "not given", "2")], [("args.key", "a secret", "another secret")]]


async def test_a_secret_that_is_typed_again_is_no_change(jobs: Jobs, deploy: Any) -> None:
    deploy(SEND)
    base = {"id": "send", "task": "send", "schedule": MANUAL}
    made = await jobs.create(base | {"args": {"key": "geheim"}}, origin="browser")
    same = await jobs.edit("send", base | {"args": {"key": "geheim"}})
    assert same.spec == made.spec


async def test_a_job_from_code_keeps_its_secret_encrypted_and_follows_the_code(
    store: Store, jobs: Jobs, tasks: Tasks, deploy: Any
) -> None:
    declarations = Declarations(jobs)
    source = HEAD + '@task(schedule="0 3 * * *", args={"key": "%s"})\ndef send(key: SecretStr): ...\n'
    deploy(source % "geheim-1")
    await declarations.declare()
    first = await jobs.get("send")
    await declarations.declare()
    assert (await jobs.get("send")).version == first.version, "nothing changed"
    assert Repairs(jobs).overrides(first) == []
    deploy(source % "geheim-2")
    await declarations.declare()
    second = await jobs.get("send")
    assert tasks.opened(second.spec.args) == {"key": "geheim-2"}
    await jobs.edit("send", {"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "geheim-3"}})
    fields = {one.field: (one.old, one.new) for one in Repairs(jobs).overrides(await jobs.get("send"))}
    assert fields["args.key"] == ("a secret", "another secret")
    reset = await Repairs(jobs).reset("send")
    assert tasks.opened(reset.spec.args) == {"key": "geheim-2"}
    assert "geheim" not in await store.read(everything)


async def test_a_renamed_argument_takes_its_secret_along(jobs: Jobs, tasks: Tasks, deploy: Any) -> None:
    deploy(HEAD + "def send(key: SecretStr): ...\n")
    await jobs.create({"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "geheim"}}, origin="api")
    deploy(HEAD + "def send(password: SecretStr): ...\n")
    [job] = await Declarations(jobs).hold_against_code()
    assert "geheim" not in str(job.reason)
    mended = await Repairs(jobs).fit("send")
    assert isinstance(mended.spec.args["password"], Sealed)
    assert tasks.opened(mended.spec.args) == {"password": "geheim"}


async def test_what_was_no_secret_is_encrypted_where_the_job_is_pointed_at_a_task_that_takes_one(
    store: Store, jobs: Jobs, tasks: Tasks, deploy: Any
) -> None:
    deploy(HEAD + "def send(key: str): ...\n")
    await jobs.create({"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "geheim"}}, origin="api")
    deploy(HEAD + "def post(key: SecretStr): ...\n")
    mended = await Repairs(jobs).repoint("send", "post")
    assert tasks.opened(mended.spec.args) == {"key": "geheim"}
    assert isinstance((await jobs.get("send")).spec.args["key"], Sealed)


async def test_a_job_from_code_may_name_a_secret_that_is_stored_later(jobs: Jobs, deploy: Any) -> None:
    deploy(HEAD + '@task(schedule="0 3 * * *", args={"key": {"secret": "LATER"}})\ndef send(key: SecretStr): ...\n')
    await Declarations(jobs).declare()
    assert (await jobs.get("send")).spec.args == {"key": Named("LATER")}


async def test_without_a_key_only_secrets_are_refused(
    store: Store, jobs: Jobs, clock: TurnedClock, deploy: Any
) -> None:
    deploy(SEND + "def plain(n: int): ...\n")
    jobs.tasks.vault = Vault()
    with pytest.raises(InvalidInput) as refused:
        await jobs.create({"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "geheim"}}, origin="api")
    assert "Set CRONAPP_SECRET_KEY" in refused.value.errors["args.key"]
    with pytest.raises(NoSecretKey):
        await Secrets(store, Vault(), clock).put("DB", "geheim")
    made = await jobs.create({"id": "plain", "task": "plain", "schedule": MANUAL, "args": {"n": 1}}, origin="api")
    assert made.spec.args == {"n": 1}


async def test_under_a_wrong_key_a_job_can_still_be_changed_and_loses_nothing(
    jobs: Jobs, tasks: Tasks, deploy: Any
) -> None:
    deploy(SEND)
    base = {"id": "send", "task": "send", "schedule": MANUAL}
    made = await jobs.create(base | {"args": {"key": "geheim"}}, origin="browser")
    tasks.vault = Vault([NEW_KEY])
    assert await Declarations(jobs).hold_against_code() == [], "what cannot be read is no misfit"
    kept = tasks.get("send").signature.unmasked({"key": MASK, "n": 3}, made.spec.args)
    edited = await jobs.edit("send", base | {"args": kept})
    tasks.vault = VAULT
    assert tasks.opened(edited.spec.args) == {"key": "geheim", "n": 3}


# -- what was there before --------------------------------------------------------------------------------------------


async def plainly(store: Store) -> None:
    """As an older version kept it: a job with its history and a run, not encrypted."""
    plain = {"key": "geheim", "dbs": [], "n": 1}

    def change(tx: Tx) -> None:
        for table in (jobs_table, job_changes):
            spec = tx.conn.execute(select(table.c.spec)).scalar_one()
            tx.conn.execute(update(table).values(spec={**spec, "args": plain}))
        tx.conn.execute(update(runs_table).values(args=plain))

    await store.write(change)


async def test_plain_secrets_of_an_older_version_are_encrypted_at_the_start_and_only_once(
    store: Store, jobs: Jobs, runs: Runs, tasks: Tasks, deploy: Any, events: list[Event]
) -> None:
    deploy(SEND)
    made = await jobs.create(
        {"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "x-x-x-x"}}, origin="browser"
    )
    run = await runs.run_now("send")
    await plainly(store)
    assert "geheim" in await store.read(everything)
    sealing = Sealing(store, tasks)
    await sealing.start()
    await sealing.done()
    assert "geheim" not in await store.read(everything)
    job = await jobs.get("send")
    assert (job.version, tasks.opened(job.spec.args)) == (made.version, {"key": "geheim", "dbs": [], "n": 1})
    assert tasks.opened((await runs.get(run.id)).args) == tasks.opened(job.spec.args)
    changes, _ = await History(jobs).page("send")
    assert len(changes) == 1, "nobody changed the job"
    await plainly(store)
    again = Sealing(store, tasks)
    await again.start()
    await again.done()
    assert "geheim" in repr((await runs.get(run.id)).args), "older runs are looked through once"
    assert isinstance((await jobs.get("send")).spec.args["key"], Sealed), "jobs each time"


async def test_what_was_plain_is_overwritten_in_the_file_too(
    tmp_path: Path, tasks: Tasks, deploy: Any, clock: TurnedClock, blackouts: Blackouts
) -> None:
    deploy(SEND)
    file = with_tables(tmp_path / "older.db")
    async with opened_at(file) as store:
        jobs, runs = Jobs(store, tasks, blackouts, clock, "UTC"), Runs(store, tasks, blackouts, clock)
        data = {"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "x-x-x-x"}}
        await jobs.create(data, origin="browser")
        await runs.run_now("send")
        await plainly(store)
    assert b"geheim" in file.read_bytes()
    async with opened_at(file) as store:
        sealing = Sealing(store, tasks)
        await sealing.start()
        await sealing.done()
    assert b"geheim" not in file.read_bytes()
    assert not file.with_name("older.db-wal").exists()


@asynccontextmanager
async def opened_at(file: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{file}", lambda events: None)
    try:
        yield store
    finally:
        await store.close()


async def test_a_new_key_takes_over_from_the_old_one(
    store: Store, jobs: Jobs, runs: Runs, tasks: Tasks, clock: TurnedClock, deploy: Any, secrets: Secrets
) -> None:
    deploy(SEND)
    await jobs.create({"id": "send", "task": "send", "schedule": MANUAL, "args": {"key": "geheim"}}, origin="browser")
    run = await runs.run_now("send")
    await secrets.put("DB", "geheim-db")
    factor = VAULT.seal("geheim-totp", "totp:7")
    account = {"id": 7, "name": "a", "folded": "a", "role": "viewer", "created_at": clock.now, "by": "me"}
    await store.write(lambda tx: tx.conn.execute(insert(users).values(**account, totp=factor)))
    tasks.vault = Vault([NEW_KEY, OLD_KEY])
    sealing = Sealing(store, tasks)
    await sealing.start()
    await sealing.done()
    tasks.vault = Vault([NEW_KEY])
    assert tasks.opened((await jobs.get("send")).spec.args) == {"key": "geheim"}
    assert tasks.opened((await runs.get(run.id)).args) == {"key": "geheim"}
    changes, _ = await History(jobs).page("send")
    assert tasks.opened(changes[0].spec.args) == {"key": "geheim"}  # type: ignore[union-attr]
    [claimed] = await runs.claim("node", 1)
    assert tasks.vault.open(claimed.secrets["DB"], "secret DB") == "geheim-db"
    kept = await store.read(lambda conn: conn.execute(select(users.c.totp)).scalar_one())
    assert tasks.vault.open(kept, "totp:7") == "geheim-totp"


# -- stored ones ------------------------------------------------------------------------------------------------------


async def test_a_stored_secret_is_put_replaced_and_removed_and_the_audit_has_only_its_name(
    store: Store, secrets: Secrets, events: list[Event]
) -> None:
    assert await secrets.put("DB", "geheim-1")
    assert not await secrets.put("DB", "geheim-2")
    assert await secrets.names() == ("DB",)
    await secrets.remove("DB")
    with pytest.raises(SecretNotFound):
        await secrets.remove("DB")
    assert events.count(SecretsChanged()) == 3
    rows = (await store.read(lambda conn: conn.execute(select(audit)).mappings().all())) or []
    assert [(row["action"], row["target"]) for row in rows] == [
        ("secret.set", "DB"),
        ("secret.set", "DB"),
        ("secret.removed", "DB"),
    ]
    assert "geheim" not in await store.read(everything)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("1A", "x", "name"), ("A-B", "x", "name"), ("", "x", "name"), ("A", "", "value"), ("A", "x\0y", "value")],
)
async def test_odd_names_and_values_are_refused(secrets: Secrets, name: str, value: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await secrets.put(name, value)
    assert refused.value.errors.keys() == {field}


async def test_arguments_name_only_secrets_that_are_stored(
    store: Store, jobs: Jobs, runs: Runs, tasks: Tasks, clock: TurnedClock, deploy: Any, secrets: Secrets
) -> None:
    deploy(SEND)
    base = {"id": "send", "task": "send", "schedule": MANUAL}
    dbs = [{"url": "a", "password": {"secret": "DB"}}]
    wanted = base | {"args": {"key": {"secret": "KEY"}, "dbs": dbs}}
    with pytest.raises(InvalidInput) as refused:
        await jobs.create(wanted, origin="browser")
    assert refused.value.errors.keys() == {"args.key", "args.dbs"}
    await secrets.put("KEY", "geheim-key")
    await secrets.put("DB", "geheim-db")
    made = await jobs.create(wanted, origin="browser")
    assert made.spec.args["key"] == Named("KEY")
    assert tasks.masked_of(made) == {"key": {"secret": "KEY"}, "dbs": MASK}
    assert {one.name: one.jobs for one in await secrets.all()} == {"KEY": 1, "DB": 1}
    await secrets.remove("DB")
    kept = await jobs.edit("send", base | {"args": {"key": {"secret": "KEY"}, "dbs": dbs, "n": 2}})
    assert kept.spec.args["n"] == 2, "what an edit leaves may be gone meanwhile"
    for call in (
        lambda: runs.run_now("send", {"key": {"secret": "NONE"}}),
        lambda: Trials(store, tasks, clock).begin({"task": "send", "args": {"key": {"secret": "NONE"}}}),
    ):
        with pytest.raises(InvalidInput, match='There is no stored secret "NONE"'):
            await call()
    plain = await jobs.edit("send", base | {"args": {"key": "typed"}})
    assert isinstance(plain.spec.args["key"], Sealed)
    assert {one.name: one.jobs for one in await secrets.all()} == {"KEY": 0}
    assert await secrets.users("KEY") == []


async def test_a_value_swapped_for_another_one_in_the_database_is_not_used(
    store: Store, secrets: Secrets, runs: Runs, jobs: Jobs, deploy: Any
) -> None:
    await secrets.put("A", "geheim-a")
    await secrets.put("B", "geheim-b")

    def swap(tx: Tx) -> str:
        value = tx.conn.execute(select(secrets_table.c.value).where(secrets_table.c.name == "A")).scalar_one()
        tx.conn.execute(update(secrets_table).where(secrets_table.c.name == "B").values(value=value))
        return str(value)

    token = await store.write(swap)
    with pytest.raises(Exception, match="changed in the database"):
        VAULT.open(token, "secret B")
    assert json.dumps(token).count("geheim") == 0
