"""Who may come in: links once and for a while, sessions for longer, the fixed token always."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select
from support import TurnedClock

from cronapp.config import Settings
from cronapp.core.access import ALL
from cronapp.core.vault import Vault
from cronapp.service.services import make_entrance
from cronapp.service.signin import LINK_LIFE, TOUCH_EVERY, SignIn
from cronapp.store.store import Store
from cronapp.store.tables import sessions, sign_in_links

ADMIN_TOKEN = "a-fixed-token-for-automation"


@pytest.fixture
def signin(store: Store, clock: TurnedClock) -> SignIn:
    return make_entrance(store, Settings.model_validate({"admin_token": ADMIN_TOKEN}), clock, Vault())[3]


def seconds(span: timedelta) -> float:
    return span.total_seconds()


async def test_a_link_signs_in_once(signin: SignIn) -> None:
    token = await signin.new_link()
    secret = await signin.use_link(token)
    assert secret is not None
    session = await signin.session(secret)
    assert session is not None
    assert (session.user, session.sight) == ("a one-time link", ALL)
    assert await signin.use_link(token) is None
    assert await signin.session(secret) is not None  # the session lives on


async def test_a_link_used_twice_at_the_same_time_signs_in_once(signin: SignIn) -> None:
    token = await signin.new_link()
    secrets = await asyncio.gather(*(signin.use_link(token) for _ in range(5)))
    assert sum(secret is not None for secret in secrets) == 1


async def test_each_link_is_good_for_itself(signin: SignIn) -> None:
    first, second = await signin.new_link(), await signin.new_link()
    assert first != second
    assert await signin.use_link(first) is not None
    assert await signin.use_link(second) is not None


async def test_a_link_expires(signin: SignIn, clock: TurnedClock) -> None:
    early, late = await signin.new_link(), await signin.new_link()
    clock.turn(seconds(LINK_LIFE) - 1)
    assert await signin.use_link(early) is not None
    clock.turn(1)
    assert await signin.use_link(late) is None


@pytest.mark.parametrize("token", ["", "x", "a-fixed-token-for-automatio", "a-fixed-token-for-automation "])
async def test_a_wrong_token_does_not_sign_in(signin: SignIn, token: str) -> None:
    await signin.new_link()
    assert await signin.use_link(token) is None
    assert not signin.is_admin_token(token)


async def test_the_admin_token_signs_in_again_and_again(signin: SignIn) -> None:
    first, second = await signin.use_link(ADMIN_TOKEN), await signin.use_link(ADMIN_TOKEN)
    assert first is not None
    assert second is not None
    assert first != second
    assert signin.is_admin_token(ADMIN_TOKEN)


async def test_without_an_admin_token_no_token_is_it(store: Store, clock: TurnedClock) -> None:
    signin = make_entrance(store, Settings(), clock, Vault())[3]
    assert not signin.is_admin_token("")
    assert not signin.is_admin_token("None")
    assert await signin.use_link("") is None


async def test_an_unknown_secret_is_no_session(signin: SignIn) -> None:
    await signin.use_link(ADMIN_TOKEN)
    assert await signin.session("") is None
    assert await signin.session("x") is None


async def test_an_idle_session_ends(signin: SignIn, clock: TurnedClock) -> None:
    secret = await signin.use_link(ADMIN_TOKEN)
    assert secret is not None
    clock.turn(seconds(signin.idle) - 1)
    assert await signin.session(secret) is not None  # and this keeps it alive
    clock.turn(seconds(signin.idle) - 1)
    assert await signin.session(secret) is not None
    clock.turn(seconds(signin.idle))
    assert await signin.session(secret) is None


async def test_a_session_ends_however_busy_it_is(signin: SignIn, clock: TurnedClock) -> None:
    secret = await signin.use_link(ADMIN_TOKEN)
    assert secret is not None
    days = 0
    while await signin.session(secret) is not None:
        clock.turn(seconds(timedelta(days=1)))
        days += 1
    assert days == signin.life.days


async def test_being_seen_is_written_down_now_and_then_only(signin: SignIn, clock: TurnedClock) -> None:
    secret = await signin.use_link(ADMIN_TOKEN)
    assert secret is not None
    begun = clock.now
    clock.turn(seconds(TOUCH_EVERY) - 1)
    for _ in range(2):
        session = await signin.session(secret)
        assert session is not None
        assert session.seen_at == begun
    clock.turn(1)
    await signin.session(secret)
    session = await signin.session(secret)
    assert session is not None
    assert session.seen_at == clock.now


async def test_signing_out_ends_this_session_and_no_other(signin: SignIn) -> None:
    mine, other = await signin.use_link(ADMIN_TOKEN), await signin.use_link(ADMIN_TOKEN)
    assert mine is not None
    assert other is not None
    await signin.sign_out(mine)
    assert await signin.session(mine) is None
    assert await signin.session(other) is not None


async def test_only_hashes_are_kept_and_old_ones_are_forgotten(signin: SignIn, clock: TurnedClock) -> None:
    def kept(conn: Connection) -> tuple[list[str], list[str]]:
        return (
            list(conn.execute(select(sign_in_links.c.hash)).scalars()),
            list(conn.execute(select(sessions.c.hash)).scalars()),
        )

    token = await signin.new_link()
    secret = await signin.use_link(ADMIN_TOKEN)
    links, living = await signin.store.read(kept)
    assert len(links) == len(living) == 1
    assert {token, secret}.isdisjoint(links + living)
    clock.turn(seconds(signin.life) + 1)
    await signin.new_link()
    await signin.use_link(ADMIN_TOKEN)
    later_links, later_living = await signin.store.read(kept)
    assert len(later_links) == len(later_living) == 1
    assert set(links + living).isdisjoint(later_links + later_living)
