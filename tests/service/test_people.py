"""Accounts: who there is, who may come in by name and password, and with a code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, select
from support import TurnedClock

from cronapp.config import Settings
from cronapp.core.access import ALL, Role, Sight
from cronapp.core.attempts import for_name
from cronapp.core.errors import (
    AccountsExist,
    Busy,
    Conflict,
    InvalidInput,
    LastAdmin,
    NoSecretKey,
    NotFound,
    PersonNotFound,
    SecretUnreadable,
    SignInOver,
    TooManyAttempts,
    WrongCode,
    WrongPassword,
)
from cronapp.core.people import Person
from cronapp.core.vault import Vault
from cronapp.service import passwords
from cronapp.service.passwords import Hashing, compared
from cronapp.service.people import People
from cronapp.service.second_factor import SecondFactor, step_at
from cronapp.service.services import make_entrance
from cronapp.service.signin import HALF_LIFE, Half, SignIn, Visitor
from cronapp.store.signin import Way
from cronapp.store.store import Store
from cronapp.store.tables import attempts, audit, recovery_codes, users

PASSWORD = "seven green herons"
OTHER = "nine brown otters"
AT = Visitor(agent="Firefox", address="192.0.2.1")
KEY = "a key of more than enough letters"
SETTINGS = {"admin_token": "a-fixed-token"}

Entrance = tuple[People, SecondFactor, SignIn]


@pytest.fixture
def entrance(store: Store, clock: TurnedClock) -> Entrance:
    people, factor, _, signin = make_entrance(store, Settings.model_validate(SETTINGS), clock, Vault([KEY]))
    return people, factor, signin


@pytest.fixture
def people(entrance: Entrance) -> People:
    return entrance[0]


@pytest.fixture
def factor(entrance: Entrance) -> SecondFactor:
    return entrance[1]


@pytest.fixture
def signin(entrance: Entrance) -> SignIn:
    return entrance[2]


@pytest.fixture
async def ada(people: People) -> Person:
    return await people.add("Ada", PASSWORD, "admin")


async def noted(store: Store) -> list[tuple[str, str | None, str]]:
    """What the audit tells: what was done, to whom, by whom."""

    def rows(conn: Connection) -> list[Any]:
        return list(conn.execute(select(audit.c.action, audit.c.target, audit.c.by).order_by(audit.c.id)))

    return [tuple(row) for row in await store.read(rows)]


async def entered(signin: SignIn, name: str = "ada", password: str = PASSWORD, visitor: Visitor = AT) -> str:
    """The secret of a session that needed no code."""
    made = await signin.by_password(name, password, visitor)
    assert isinstance(made, str)
    return made


async def results(*waiting: Any) -> list[Any]:
    return await asyncio.gather(*waiting, return_exceptions=True)


# -- accounts -------------------------------------------------------------------------------------------------------


async def test_an_account_is_made_and_found_by_its_name_in_any_capitals(
    people: People, ada: Person, store: Store
) -> None:
    made = await people.add(" Grace ", PASSWORD, "operator", ["finance"])
    assert (made.name, made.sight) == ("Grace", Sight(Role.OPERATOR, frozenset({"finance"})))
    assert await people.find("gRACE") == made == await people.get(made.id)
    assert await noted(store) == [("user.created", "Ada", "Cron-App"), ("user.created", "Grace", "Cron-App")]
    with pytest.raises(PersonNotFound):
        await people.find("zoe")


async def test_the_first_account_keeps_the_people(people: People) -> None:
    with pytest.raises(InvalidInput) as caught:
        await people.add("grace", PASSWORD, "viewer")
    assert set(caught.value.errors) == {"role"}
    await people.add("ada", PASSWORD, "admin")
    await people.add("grace", PASSWORD, "viewer")


async def test_two_people_of_the_same_name_made_at_once_are_one(people: People, store: Store) -> None:
    told = await results(*(people.add(name, PASSWORD, "admin") for name in ("ada", "ADA", "Ada", "aDa")))
    assert sum(isinstance(one, Person) for one in told) == 1
    refused = [one for one in told if isinstance(one, InvalidInput)]
    assert len(refused) == 3
    assert all(set(one.errors) == {"name"} for one in refused)


async def test_what_is_wrong_with_a_new_account_is_told_all_at_once(people: People) -> None:
    with pytest.raises(InvalidInput) as caught:
        await people.add("<b>", "short", "owner", [])
    assert set(caught.value.errors) == {"name", "password", "role", "tags"}


async def test_no_password_is_kept_as_it_is(people: People, ada: Person, store: Store) -> None:
    kept = await store.read(lambda conn: conn.execute(select(users.c.password)).scalar_one())
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in str(await store.read(lambda conn: conn.execute(select(users)).all()))


async def test_accounts_are_listed_in_pages_by_name(people: People) -> None:
    for name in ("delta", "Bravo", "alpha", "Charlie"):
        await people.add(name, PASSWORD, "admin")
    first, after = await people.page(limit=3)
    second, end = await people.page(after=after, limit=3)
    assert [person.name for person in first + second] == ["alpha", "Bravo", "Charlie", "delta"]
    assert end is None


TAKEN_AWAY: dict[str, Callable[[People, int], Any]] = {
    "removed": lambda people, one: people.remove(one),
    "disabled": lambda people, one: people.disable(one),
    "another role": lambda people, one: people.change(one, "editor", None),
}


@pytest.mark.parametrize("how", TAKEN_AWAY)
async def test_somebody_always_keeps_the_people_here(people: People, ada: Person, how: str) -> None:
    await people.add("viewer", PASSWORD, "viewer")
    shut = await people.add("shut", PASSWORD, "admin")
    await people.disable(shut.id)
    with pytest.raises(LastAdmin):
        await TAKEN_AWAY[how](people, ada.id)
    assert await people.get(ada.id) == ada
    await people.enable(shut.id)
    await TAKEN_AWAY[how](people, ada.id)


@pytest.mark.parametrize("how", TAKEN_AWAY)
async def test_two_who_take_each_others_rights_at_once_leave_one(people: People, ada: Person, how: str) -> None:
    grace = await people.add("grace", PASSWORD, "admin")
    told = await results(*(TAKEN_AWAY[how](people, one.id) for one in (ada, grace)))
    assert sum(isinstance(one, LastAdmin) for one in told) == 1


async def test_the_first_account_is_made_once_however_many_try(people: People) -> None:
    told = await results(*(people.add(f"admin-{n}", PASSWORD, "admin", first=True) for n in range(4)))
    assert sum(isinstance(one, Person) for one in told) == 1
    assert sum(isinstance(one, AccountsExist) for one in told) == 3


async def test_with_the_first_account_links_and_their_sessions_are_over(people: People, signin: SignIn) -> None:
    link = await signin.new_link()
    by_link = await signin.use_link(await signin.new_link())
    by_token = await signin.use_link("a-fixed-token")
    assert by_link
    assert by_token
    await people.add("ada", PASSWORD, "admin")
    assert await signin.use_link(link) is None
    assert await signin.use_link(await signin.new_link()) is None, "nor is one that is made later"
    assert await signin.session(by_link) is None
    assert await signin.session(by_token) is not None


async def test_another_role_holds_at_once_where_they_are_signed_in(
    people: People, ada: Person, signin: SignIn, store: Store
) -> None:
    grace = await people.add("grace", PASSWORD, "editor")
    secret = await entered(signin, "grace")
    await people.change(grace.id, "viewer", ["finance"])
    session = await signin.session(secret)
    assert session is not None
    assert session.sight == Sight(Role.VIEWER, frozenset({"finance"}))
    await people.change(grace.id, "viewer", ["finance"])
    assert [one for one in await noted(store) if one[0] == "user.changed"] == [("user.changed", "grace", "Cron-App")]


# -- by name and password -------------------------------------------------------------------------------------------


async def test_the_name_in_any_capitals_and_the_password_lead_in(signin: SignIn, ada: Person, store: Store) -> None:
    session = await signin.session(await entered(signin, " ADA "))
    assert session is not None
    assert (session.user, session.sight, session.user_id) == ("Ada", ALL, ada.id)
    assert (session.agent, session.address, session.way) == ("Firefox", "192.0.2.1", Way.PASSWORD)
    assert (await noted(store))[-1] == ("session.began", "Ada", "Ada")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", ""),
        ("ada", PASSWORD.upper()),
        ("ada", PASSWORD + " "),
        ("ada", "x" * 100_000),
        ("grace", PASSWORD),
        ("", ""),
        ("x" * 100_000, PASSWORD),
        ("ada\0", "\0"),
        ("\ud800", "\ud800"),
    ],
)
async def test_anything_else_does_not_and_all_are_told_the_same(
    signin: SignIn, ada: Person, name: str, password: str
) -> None:
    with pytest.raises(WrongPassword) as caught:
        await signin.by_password(name, password, AT)
    assert str(caught.value) == str(WrongPassword())


async def test_for_a_name_that_nobody_has_a_password_is_compared_too(
    signin: SignIn, people: People, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002, its name there
            seen.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords.hashing, "hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    shut = await people.add("shut", PASSWORD, "viewer")
    await people.disable(shut.id)
    for name in ("ada", "nobody", "shut"):
        with pytest.raises(WrongPassword):
            await signin.by_password(name, "wrong one here", AT)
    assert len(seen) == 3
    assert seen[1].split("$")[:4] == seen[0].split("$")[:4], "made as slowly"


async def test_a_disabled_account_is_out_at_once_and_in_again_when_it_is_enabled(
    signin: SignIn, people: People, ada: Person
) -> None:
    grace = await people.add("grace", PASSWORD, "viewer")
    secret = await entered(signin, "grace")
    await people.disable(grace.id)
    assert await signin.session(secret) is None
    with pytest.raises(WrongPassword):
        await signin.by_password("grace", PASSWORD, AT)
    await people.enable(grace.id)
    assert await signin.session(secret) is None, "what was ended stays ended"
    assert await entered(signin, "grace")


async def test_who_is_disabled_while_they_sign_in_does_not_come_in(signin: SignIn, people: People, ada: Person) -> None:
    grace = await people.add("grace", PASSWORD, "viewer")
    await people.disable(grace.id)
    with pytest.raises(WrongPassword):
        await signin.enter(grace, Way.PASSWORD, AT)
    await people.enable(grace.id)
    assert await signin.sessions(grace.id) == []


async def test_a_removed_account_is_out_at_once(signin: SignIn, people: People, ada: Person) -> None:
    grace = await people.add("grace", PASSWORD, "viewer")
    secret = await entered(signin, "grace")
    await people.remove(grace.id)
    assert await signin.session(secret) is None
    with pytest.raises(PersonNotFound):
        await people.get(grace.id)


async def test_a_new_password_ends_all_sessions_but_the_one_that_is_kept(
    signin: SignIn, people: People, ada: Person
) -> None:
    mine, other = await entered(signin), await entered(signin)
    session = await signin.session(mine)
    assert session is not None
    await people.set_password(ada.id, OTHER, keep=session.hash)
    assert await signin.session(mine) is not None
    assert await signin.session(other) is None
    with pytest.raises(WrongPassword):
        await signin.by_password("ada", PASSWORD, AT)
    assert await entered(signin, password=OTHER)


async def test_signing_in_ends_the_session_that_the_browser_had(signin: SignIn, ada: Person) -> None:
    old = await entered(signin)
    new = await entered(signin, visitor=Visitor(secret=old))
    assert new != old
    assert await signin.session(old) is None
    planted = "a secret that somebody else put there"
    assert await entered(signin, visitor=Visitor(secret=planted)) != planted


async def test_a_password_that_was_hashed_too_fast_is_hashed_anew(
    signin: SignIn, ada: Person, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords.hashing, "hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await entered(signin)
    kept = await store.read(lambda conn: conn.execute(select(users.c.password)).scalar_one())
    assert "m=16,t=2" in kept
    await entered(signin)


async def test_where_too_many_wait_for_a_hash_one_is_asked_to_come_again(
    signin: SignIn, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Hashing(passwords.hashing.hasher, threads=1, waiting=0)
    full._room = 0
    monkeypatch.setattr(passwords, "hashing", full)
    for _ in range(20):
        with pytest.raises(Busy):
            await signin.by_password("ada", PASSWORD, AT)
    full._room = 1
    assert await entered(signin), "what was not tried was not held against anybody"
    assert (await compared("x", None)).good is False


# -- attempts -------------------------------------------------------------------------------------------------------


async def refused(signin: SignIn, name: str, address: str, times: int) -> list[type[BaseException]]:
    told = [await results(signin.by_password(name, "wrong one here", Visitor(address=address))) for _ in range(times)]
    return [type(one[0]) for one in told]


async def test_after_five_wrong_passwords_a_name_waits_longer_and_longer_from_everywhere(
    signin: SignIn, ada: Person, clock: TurnedClock
) -> None:
    assert await refused(signin, "ada", "192.0.2.1", 6) == [WrongPassword] * 5 + [TooManyAttempts]
    assert await refused(signin, "ADA", "192.0.2.2", 1) == [TooManyAttempts]
    with pytest.raises(TooManyAttempts) as caught:
        await signin.by_password("ada", PASSWORD, AT)
    assert (caught.value.status, caught.value.retry_after) == (429, 2)
    clock.turn(2)
    assert await refused(signin, "ada", "192.0.2.3", 2) == [WrongPassword, TooManyAttempts]
    clock.turn(3.9)
    assert await refused(signin, "ada", "192.0.2.3", 1) == [TooManyAttempts]
    clock.turn(0.1)
    assert await entered(signin)
    assert await refused(signin, "ada", "192.0.2.4", 5) == [WrongPassword] * 5, "who came in begins anew"


async def test_a_name_that_nobody_has_waits_just_so(signin: SignIn, ada: Person) -> None:
    assert await refused(signin, "nobody", "192.0.2.1", 6) == [WrongPassword] * 5 + [TooManyAttempts]


async def test_many_at_once_are_no_more_than_one_after_the_other(signin: SignIn, ada: Person) -> None:
    told = await results(*(signin.by_password("ada", "wrong one here", AT) for _ in range(12)))
    assert sum(isinstance(one, WrongPassword) for one in told) == 5
    assert sum(isinstance(one, TooManyAttempts) for one in told) == 7


async def test_an_address_that_tries_many_names_waits_and_others_do_not(signin: SignIn, ada: Person) -> None:
    for n in range(20):
        assert await refused(signin, f"name-{n}", "192.0.2.9", 1) == [WrongPassword]
    with pytest.raises(TooManyAttempts):
        await signin.by_password("ada", PASSWORD, Visitor(address="192.0.2.9"))
    with pytest.raises(TooManyAttempts):
        await signin.use_link("a-fixed-token", Visitor(address="192.0.2.9"))
    assert await entered(signin)


async def test_servers_on_one_database_count_together(signin: SignIn, ada: Person, store: Store) -> None:
    other = make_entrance(store, Settings(), signin.clock, Vault([KEY]))[3]
    assert await refused(signin, "ada", "192.0.2.1", 3) == [WrongPassword] * 3
    assert await refused(other, "ada", "192.0.2.2", 3) == [WrongPassword] * 2 + [TooManyAttempts]


async def test_what_was_tried_is_noted_without_the_password(signin: SignIn, ada: Person, store: Store) -> None:
    with pytest.raises(WrongPassword):
        await signin.by_password("ada\n\x1b[31mroot" + "x" * 100, "a wrong password", AT)
    rows = await store.read(lambda conn: conn.execute(select(audit)).mappings().all())
    assert (rows[-1]["action"], rows[-1]["by"], rows[-1]["address"]) == ("session.refused", "nobody known", "192.0.2.1")
    assert rows[-1]["target"].startswith("ada\\n\\x1b[31mrootxxx")
    assert len(rows[-1]["target"]) < 80
    assert "a wrong password" not in str(rows)


async def test_what_was_held_against_a_name_is_forgotten_in_an_hour(
    signin: SignIn, ada: Person, clock: TurnedClock
) -> None:
    await refused(signin, "ada", "192.0.2.1", 5)
    clock.turn(3601)
    assert await refused(signin, "ada", "192.0.2.1", 6) == [WrongPassword] * 5 + [TooManyAttempts]


# -- the second factor ----------------------------------------------------------------------------------------------


async def with_factor(factor: SecondFactor, people: People, person: Person) -> tuple[Person, pyotp.TOTP, list[str]]:
    await factor.begin(person)
    begun = await factor.beginning(person)
    assert begun is not None
    totp = pyotp.TOTP(begun.secret)
    codes = await factor.begin_use(person, totp.at(factor.clock()))
    return await people.get(person.id), totp, codes


async def half(signin: SignIn) -> str:
    made = await signin.by_password("ada", PASSWORD, AT)
    assert isinstance(made, Half)
    return made.secret


async def test_with_a_second_factor_the_password_alone_leads_nowhere(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, clock: TurnedClock
) -> None:
    ada, totp, _ = await with_factor(factor, people, ada)
    assert ada.second_factor
    begun = await half(signin)
    assert await signin.session(begun) is None
    clock.turn(30)
    session = await signin.session(await signin.by_code(begun, totp.at(clock.now), AT))
    assert session is not None
    assert (session.user, session.way) == ("Ada", Way.CODE)
    with pytest.raises(SignInOver):
        await signin.by_code(begun, totp.at(clock.now), AT)


async def test_a_code_is_good_once_also_at_the_same_time(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, clock: TurnedClock
) -> None:
    _, totp, _ = await with_factor(factor, people, ada)
    with pytest.raises(WrongCode):
        await signin.by_code(await half(signin), totp.at(clock.now), AT)  # the one that it was turned on with
    clock.turn(30)
    begun = [await half(signin) for _ in range(3)]
    told = await results(*(signin.by_code(one, totp.at(clock.now), AT) for one in begun))
    assert sum(isinstance(one, str) for one in told) == 1


async def test_a_code_of_the_step_before_or_after_is_good_and_no_other(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, clock: TurnedClock
) -> None:
    _, totp, _ = await with_factor(factor, people, ada)
    clock.turn(600)
    for wrong in (-2, 2):
        with pytest.raises(WrongCode):
            await signin.by_code(await half(signin), totp.generate_otp(step_at(clock.now) + wrong), AT)
    assert await signin.by_code(await half(signin), totp.generate_otp(step_at(clock.now) - 1), AT)
    assert await signin.by_code(await half(signin), totp.generate_otp(step_at(clock.now) + 1), AT)
    with pytest.raises(WrongCode):
        await signin.by_code(await half(signin), totp.at(clock.now), AT)  # one before the newest


async def test_each_recovery_code_is_good_once(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, store: Store
) -> None:
    ada, _, codes = await with_factor(factor, people, ada)
    assert len(set(codes)) == 10
    kept = await store.read(lambda conn: conn.execute(select(recovery_codes.c.hash)).scalars().all())
    assert not set(codes) & set(kept)
    typed = codes[3].upper().replace("-", " ")
    session = await signin.session(await signin.by_code(await half(signin), typed, AT))
    assert session is not None
    assert session.way is Way.RECOVERY
    assert await factor.codes_left(ada) == 9
    with pytest.raises(WrongCode):
        await signin.by_code(await half(signin), codes[3], AT)
    begun = [await half(signin) for _ in range(2)]
    told = await results(*(signin.by_code(one, codes[4], AT) for one in begun))
    assert sum(isinstance(one, str) for one in told) == 1


async def test_its_secret_goes_over_to_a_new_key_with_the_next_code(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, store: Store, clock: TurnedClock
) -> None:
    _, totp, _ = await with_factor(factor, people, ada)
    clock.turn(30)
    signin.factor.vault = Vault(["a newer key of enough letters", KEY])
    assert await signin.by_code(await half(signin), totp.at(clock.now), AT)
    kept = await store.read(lambda conn: conn.execute(select(users.c.totp)).scalar_one())
    assert signin.factor.vault.is_current(kept)
    signin.factor.vault = Vault(["a newer key of enough letters"])
    clock.turn(30)
    assert await signin.by_code(await half(signin), totp.at(clock.now), AT)


async def test_new_recovery_codes_are_in_place_of_the_old_ones(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person
) -> None:
    ada, _, old = await with_factor(factor, people, ada)
    new = await factor.renew_codes(ada)
    with pytest.raises(WrongCode):
        await signin.by_code(await half(signin), old[0], AT)
    assert await signin.by_code(await half(signin), new[0], AT)


async def test_wrong_codes_are_waited_for_too(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, clock: TurnedClock
) -> None:
    _, totp, _ = await with_factor(factor, people, ada)
    clock.turn(30)
    begun = await half(signin)
    told = await results(*(signin.by_code(begun, "000000", AT) for _ in range(7)))
    assert sum(isinstance(one, WrongCode) for one in told) == 5
    assert sum(isinstance(one, TooManyAttempts) for one in told) == 2
    begun = await half(signin)  # the password once more gives no further attempts
    with pytest.raises(TooManyAttempts):
        await signin.by_code(begun, totp.at(clock.now), AT)
    clock.turn(4)
    assert await signin.by_code(begun, totp.at(clock.now), AT)


async def test_the_code_is_waited_for_some_minutes_only(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person, clock: TurnedClock
) -> None:
    _, totp, _ = await with_factor(factor, people, ada)
    begun = await half(signin)
    clock.turn(HALF_LIFE.total_seconds())
    with pytest.raises(SignInOver):
        await signin.by_code(begun, totp.at(clock.now), AT)
    begun = await half(signin)
    await people.set_password(ada.id, OTHER)
    with pytest.raises(SignInOver):
        await signin.by_code(begun, totp.at(clock.now), AT)


async def test_a_factor_counts_only_once_a_code_of_it_was_told(
    signin: SignIn, factor: SecondFactor, people: People, ada: Person
) -> None:
    await factor.begin(ada)
    with pytest.raises(WrongCode):
        await factor.begin_use(ada, "000000")
    assert await entered(signin), "whoever began and went away is not locked out"
    await factor.give_up(ada)
    assert await factor.beginning(ada) is None
    with pytest.raises(Conflict):
        await factor.begin_use(ada, "000000")


async def test_a_factor_that_is_on_is_not_changed_by_beginning_again(
    factor: SecondFactor, people: People, ada: Person
) -> None:
    ada, _, _ = await with_factor(factor, people, ada)
    with pytest.raises(Conflict):
        await factor.begin(ada)
    await factor.give_up(ada)
    assert (await people.get(ada.id)).second_factor
    assert await factor.beginning(ada) is None, "its secret is told to nobody any more"
    assert await factor.end(ada.id)
    assert not await factor.end(ada.id)
    assert await factor.codes_left(ada) == 0


async def test_its_secret_is_encrypted_and_of_no_use_in_another_account(
    factor: SecondFactor, people: People, ada: Person, store: Store, clock: TurnedClock
) -> None:
    await factor.begin(ada)
    begun = await factor.beginning(ada)
    assert begun is not None
    kept = await store.read(lambda conn: conn.execute(select(users.c.totp)).scalar_one())
    assert begun.secret not in kept
    grace = await people.add("grace", PASSWORD, "viewer")
    await store.write(lambda tx: tx.conn.execute(users.update().where(users.c.id == grace.id).values(totp=kept)))
    with pytest.raises(SecretUnreadable):
        await factor.beginning(grace)
    keyless = make_entrance(store, Settings(), clock, Vault())[1]
    with pytest.raises(NoSecretKey):
        await keyless.begin(await people.add("zoe", PASSWORD, "viewer"))


# -- where one is signed in -----------------------------------------------------------------------------------------


async def test_one_ends_ones_own_sessions_and_nobody_elses(signin: SignIn, people: People, ada: Person) -> None:
    grace = await people.add("grace", PASSWORD, "viewer")
    hers, mine = await entered(signin, "grace"), await entered(signin)
    session = await signin.session(mine)
    assert session is not None
    with pytest.raises(NotFound):
        await signin.end(session.id, grace.id)
    assert len(await signin.sessions(grace.id)) == 1
    assert await people.browsers([ada, grace]) == {ada.id: 1, grace.id: 1}
    await signin.end(session.id)
    assert await signin.session(mine) is None
    assert await people.sign_out(grace.id) == 1
    assert await signin.session(hers) is None


async def test_the_current_password_is_asked_and_counted(signin: SignIn, ada: Person) -> None:
    await signin.confirm(ada.id, PASSWORD, AT)
    told = await results(*(signin.confirm(ada.id, "wrong one here", AT) for _ in range(6)))
    assert [type(one) for one in told].count(TooManyAttempts) == 1
    with pytest.raises(TooManyAttempts):
        await signin.by_password("ada", PASSWORD, AT)
    kept = await signin.store.read(lambda conn: conn.execute(select(attempts.c.key)).scalars().all())
    assert for_name("ada").key in kept
