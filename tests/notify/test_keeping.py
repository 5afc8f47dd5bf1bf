"""Addresses as they are kept: declared in code, restored, and under a new key."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipes import BY_HAND, a_job
from sqlalchemy import select
from support import TASKS as BASE
from support import VAULT, TurnedClock

from cronapp.core.addressing import opened_url
from cronapp.core.errors import EditConflict, InvalidInput
from cronapp.core.models import SecretUrl
from cronapp.core.vault import Vault
from cronapp.service.blackouts import Blackouts
from cronapp.service.channels import Channels
from cronapp.service.declarations import Declarations
from cronapp.service.history import History
from cronapp.service.jobs import Jobs
from cronapp.service.outbox import Outbox
from cronapp.service.sealing import Sealing
from cronapp.service.tasks import Tasks
from cronapp.store import tables
from cronapp.store.store import Store

URL = "json://me:s3cret-word@example.org/path"
RULE = {"on": ["failure"], "urls": [URL]}
CODE = (
    BASE
    + '''
@task(schedule="0 3 * * *", notify=NOTIFY)
def nightly():
    """Work at night."""
'''
)


def opened(jobs: Jobs, rules: object) -> list[str]:
    return [opened_url(url, jobs.tasks.vault) for rule in rules for url in rule.all_urls()]  # type: ignore[attr-defined]


def deploy(tasks: Tasks, code: str) -> None:
    Path(tasks.sources[0]).write_text(code)
    tasks.reload()


async def test_a_job_of_the_code_says_who_is_told_and_is_the_same_at_the_next_start(
    store: Store, jobs: Jobs, tasks: Tasks, channels: Channels
) -> None:
    declarations = Declarations(jobs)
    for notify, version in ((RULE, 1), (RULE, 1), ({**RULE, "failures": 3, "remind": "4h"}, 2)):
        deploy(tasks, CODE.replace("NOTIFY", repr(notify)))
        await declarations.declare()
        job = await jobs.get("nightly")
        assert (job.version, opened(jobs, job.spec.notify)) == (version, [URL])
    stored = await store.read(lambda conn: repr(conn.exec_driver_sql("SELECT spec, code FROM jobs").all()))
    assert "s3cret-word" not in stored
    assert (job.spec.notify[0].failures, job.spec.notify[0].remind) == (3, 14400)


async def test_an_older_version_is_taken_back_with_its_addresses(jobs: Jobs) -> None:
    history = History(jobs)
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[RULE]), origin="api")
    await jobs.edit("nightly", a_job("nightly", schedule=BY_HAND))
    assert (await jobs.get("nightly")).spec.notify == ()
    restored = await history.restore("nightly", 1)
    assert opened(jobs, restored.spec.notify) == [URL]


async def test_without_a_key_no_address_is_taken(
    store: Store, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock
) -> None:
    keyless = Jobs(store, Tasks(tasks.sources), blackouts, clock, "UTC")
    with pytest.raises(InvalidInput) as refused:
        await keyless.create(a_job("nightly", schedule=BY_HAND, notify=[RULE]), origin="api")
    assert list(refused.value.errors) == ["notify"]


async def test_what_an_edit_would_make_is_told_and_only_another_address_has_another_mask(jobs: Jobs) -> None:
    stored = await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[RULE]), origin="api")
    [mask] = stored.spec.notify[0].urls
    for url, same in ((URL, True), (mask, True), ("json://example.org/other", False)):
        new = a_job("nightly", schedule={"kind": "interval", "every": "1h"}, notify=[{**RULE, "urls": [url]}])
        row = await jobs.would_be("nightly", new, version=1)
        assert (row.job.version, row.next_run is not None, row.job.spec.notify == stored.spec.notify) == (1, True, same)
    with pytest.raises(InvalidInput) as refused:
        await jobs.would_be("nightly", a_job("nightly", notify=[{"channels": ["nobody"]}]))
    assert list(refused.value.errors) == ["notify.0.channels.0"]
    with pytest.raises(EditConflict):
        await jobs.would_be("nightly", new, version=7)
    assert await jobs.get("nightly") == stored
    assert len((await History(jobs).page("nightly"))[0]) == 1


async def test_a_new_key_takes_over_every_address_and_secret(
    store: Store, jobs: Jobs, tasks: Tasks, channels: Channels, clock: TurnedClock
) -> None:
    await channels.create("ops", {"url": URL})
    await channels.create("hook", {"kind": "hook", "url": "https://example.org/hook"})
    await jobs.create(a_job("nightly", schedule=BY_HAND, notify=[RULE]), origin="api")
    before = (await jobs.get("nightly")).spec.notify[0].urls[0]
    new = "a-newer-key-1234567890-1234567890-12"
    sealing = Sealing(store, Tasks(tasks.sources, vault=Vault([new, "the-key-that-all-tests-share-1234567890"])))
    await sealing.jobs()
    await sealing.rest()
    only = Vault([new])
    after = (await jobs.get("nightly")).spec.notify[0].urls[0]
    assert isinstance(after, SecretUrl)
    assert (str(after), opened_url(after, only)) == (str(before), URL)
    outbox = Outbox(store, only, clock)
    ops, hook = await outbox.test(["ops", "hook"], [], "ada")
    assert (ops.url, hook.url) == (URL, "https://example.org/hook")
    assert hook.secret.startswith("whsec_")
    changes = await store.read(lambda conn: conn.execute(select(tables.job_changes.c.spec)).scalars().all())
    assert all(only.is_current(url.token) for spec in changes for rule in spec["notify"] for url in rule["urls"])
    assert not VAULT.is_current(after.token)
