"""API tokens: told once, kept as hashes, good until they expire or are revoked; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping, select
from support import TurnedClock

from cronapp.core.access import Principal, Role, Sight, asking
from cronapp.core.errors import BadToken, InvalidInput, TokenNotFound
from cronapp.core.events import Event, TokensChanged
from cronapp.core.tokens import SECRET
from cronapp.service.digests import digest
from cronapp.service.tokens import Tokens
from cronapp.store.store import Store
from cronapp.store.tables import audit
from cronapp.store.tables import tokens as table


@pytest.fixture
def tokens(store: Store, clock: TurnedClock) -> Tokens:
    return Tokens(store, clock)


async def kept(store: Store) -> list[RowMapping]:
    def all_rows(conn: Connection) -> list[RowMapping]:
        return list(conn.execute(select(table).order_by(table.c.id)).mappings())

    return await store.read(all_rows)


async def books(store: Store) -> list[tuple[Any, ...]]:
    """What was written down: who, from where, what, to which token, and why."""
    columns = (audit.c.by, audit.c.address, audit.c.action, audit.c.target, audit.c.reason)
    return await store.read(lambda conn: [tuple(row) for row in conn.execute(select(*columns).order_by(audit.c.id))])


async def test_a_token_is_told_once_and_only_its_hash_is_kept(tokens: Tokens, store: Store, clock: TurnedClock) -> None:
    made = await tokens.create("operator", name="  the   pipeline ", tags=["tax", "finance"], expires="30d")
    assert SECRET.fullmatch(made.secret)
    (row,) = await kept(store)
    assert row["hash"] == digest(made.secret)
    assert made.secret not in str(dict(row))
    assert made.secret.startswith(row["start"])
    assert len(made.secret) - len(row["start"]) == 39
    assert made.token.name == "the pipeline"
    assert made.token.sight == Sight(Role.OPERATOR, frozenset({"tax", "finance"}))
    assert made.token.expires_at == clock.now + timedelta(days=30)
    assert await tokens.get(made.token.id) == made.token


async def test_it_is_good_until_it_expires(tokens: Tokens, clock: TurnedClock) -> None:
    made = await tokens.create("viewer", expires="1h")
    clock.turn(3599)
    assert (await tokens.known(made.secret)).id == made.token.id
    assert await tokens.is_good(made.token.id)
    clock.turn(1)
    with pytest.raises(BadToken, match="expired"):
        await tokens.known(made.secret)
    assert not await tokens.is_good(made.token.id)


async def test_it_is_good_until_it_is_revoked(tokens: Tokens) -> None:
    made, other = await tokens.create("viewer", expires=None), await tokens.create("viewer", expires=None)
    assert made.token.expires_at is None
    revoked = await tokens.revoke(made.token.id)
    assert await tokens.revoke(made.token.id) == revoked, "nothing happens to it a second time"
    with pytest.raises(BadToken, match="revoked"):
        await tokens.known(made.secret)
    assert not await tokens.is_good(made.token.id)
    assert (await tokens.known(other.secret)).id == other.token.id
    with pytest.raises(TokenNotFound):
        await tokens.revoke(77)


@pytest.mark.parametrize("secret", ["", "cronapp_", "cronapp_" + "x" * 43, "cronapp_" + "é" * 43, "%", "\0", "\ud800"])
async def test_what_is_no_token_is_refused(tokens: Tokens, secret: str) -> None:
    await tokens.create("admin")
    with pytest.raises(BadToken, match="no such token"):
        await tokens.known(secret)


async def test_use_is_written_down_at_most_each_minute(tokens: Tokens, clock: TurnedClock, events: list[Event]) -> None:
    made = await tokens.create("viewer")
    events.clear()
    first = clock.turn(5)
    for _ in range(3):
        await tokens.known(made.secret)
        clock.turn(20)
    assert (await tokens.get(made.token.id)).used_at == first
    assert events == [TokensChanged(made.token.id)]
    await tokens.known(made.secret)
    assert (await tokens.get(made.token.id)).used_at == clock.now


async def test_those_that_ended_are_listed_for_thirty_days(tokens: Tokens, clock: TurnedClock) -> None:
    expired, revoked, good = [await tokens.create("viewer", expires=end) for end in ("1h", None, None)]
    await tokens.revoke(revoked.token.id)
    clock.turn(3600 + 30 * 86400)
    assert await tokens.prune() == 1
    assert [token.id for token in (await tokens.page())[0]] == [good.token.id, expired.token.id]
    clock.turn(1)
    assert await tokens.prune() == 1
    assert [token.id for token in (await tokens.page())[0]] == [good.token.id]
    with pytest.raises(BadToken):
        await tokens.known(expired.secret)


async def test_the_list_goes_on_by_its_numbers(tokens: Tokens) -> None:
    made = [(await tokens.create("viewer")).token.id for _ in range(3)]
    page, following = await tokens.page(limit=2)
    assert ([token.id for token in page], following) == ([made[2], made[1]], made[1])
    rest, end = await tokens.page(before=following, limit=2)
    assert ([token.id for token in rest], end) == ([made[0]], None)


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({"role": "root"}, {"role"}),
        ({"role": None, "tags": "finance", "expires": "soon", "name": 7}, {"role", "tags", "expires", "name"}),
        ({"role": "viewer", "tags": []}, {"tags"}),
        ({"role": "viewer", "tags": ["a,b"]}, {"tags"}),
        ({"role": "admin", "tags": ["finance"]}, {"tags"}),
        ({"role": "viewer", "expires": "2020-01-01T00:00"}, {"expires"}),
        ({"role": "viewer", "expires": 0}, {"expires"}),
        ({"role": "viewer", "expires": True}, {"expires"}),
        ({"role": "viewer", "expires": "99999d"}, {"expires"}),
        ({"role": "viewer", "name": "x" * 61}, {"name"}),
        ({"role": "viewer", "name": "evil\u202e"}, {"name"}),
    ],
)
async def test_each_wrong_field_is_named(tokens: Tokens, wanted: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tokens.create(**wanted)
    assert refused.value.errors.keys() == fields
    assert (await tokens.page())[0] == []


async def test_the_books_tell_of_each_change_and_who_made_it(tokens: Tokens, store: Store) -> None:
    before = asking.set(Principal(name="ada", sight=Sight(Role.ADMIN), address="192.0.2.7"))
    try:
        made = await tokens.create("viewer", name="probe")
        await tokens.rename(made.token.id, "the probe")
        await tokens.rename(made.token.id, "the probe")
        await tokens.revoke(made.token.id)
    finally:
        asking.reset(before)
    assert made.token.by == "ada"
    assert [row[:4] for row in await books(store)] == [
        ("ada", "192.0.2.7", action, made.token.start) for action in ("token.created", "token.changed", "token.revoked")
    ]
    told = await store.read(lambda conn: str(conn.execute(select(audit.c.before, audit.c.after)).all()))
    assert "the probe" in told
    assert made.secret not in told
    assert digest(made.secret) not in told


async def test_refused_tokens_do_not_fill_the_books(tokens: Tokens, store: Store, clock: TurnedClock) -> None:
    made = await tokens.create("viewer", expires="1h")
    clock.turn(3600)

    async def refuse(secret: str, address: str) -> None:
        with pytest.raises(BadToken):
            await tokens.known(secret, address)

    for _ in range(3):
        await refuse(made.secret, "192.0.2.7")
        await refuse("guessed", "2001:db8::1")
        await refuse("guessed", "2001:db8::2")
    refused = [row for row in await books(store) if row[2] == "token.refused"]
    assert [row[:2] for row in refused] == [("nobody known", "192.0.2.7"), ("nobody known", "2001:db8::1")]
    assert (refused[0][3], refused[1][3]) == (made.token.start, None)
    clock.turn(60)
    for n in range(300):
        await refuse("guessed", f"198.51.{n // 250}.{n % 250}")
    refused = [row for row in await books(store) if row[2] == "token.refused"]
    assert len(refused) == 202, "not more than 200 in a minute, from however many addresses"
