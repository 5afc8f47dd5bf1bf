"""People: the accounts, one account, one's own, and the browsers in which they are signed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.access import MEANINGS, Role
from cronapp.core.events import Event, PeopleChanged, SessionsChanged
from cronapp.core.people import Person
from cronapp.core.vault import MAKE_KEY
from cronapp.store.signin import Session, Way
from cronapp.web.agents import agent_words
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown

WAYS = {
    Way.LINK: "by a one-time link",
    Way.TOKEN: "by the admin token",
    Way.PASSWORD: "by password",
    Way.CODE: "by password and code",
    Way.RECOVERY: "by password and recovery code",
    Way.ELSEWHERE: "by another service",
}
ROLES = [(role.value, f"{role.capitalize()}: {MEANINGS[role]}") for role in Role]


@dataclass(frozen=True, slots=True)
class SessionRow:
    session: Session
    browser: str
    way: str
    own: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    person: Person
    browsers: int  # in which they are signed in
    own: bool


class PeopleView(Shown):
    """All accounts, and all browsers."""

    def __init__(self, parts: Parts, query: dict[str, str], own: Session | None) -> None:
        super().__init__(parts)
        self.query = query
        self.own = own

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, PeopleChanged | SessionsChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("people",)

    async def show(self, part: str) -> Markup:
        context = await people_context(self.house, self.query, self.own)
        return partial("#settings-people", fragment("_settings_people", **context))

    def pause(self, part: str) -> float:
        return 1.0


class PersonView(Shown):
    """One account: what changes by itself is told anew, what one may be writing stays."""

    def __init__(self, parts: Parts, person_id: int, own: Session | None) -> None:
        super().__init__(parts)
        self.person_id = person_id
        self.own = own

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, PeopleChanged | SessionsChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("head", "sessions")

    async def show(self, part: str) -> Markup:
        context = await person_context(self.house, self.person_id, self.own)
        return partial(f"#person-{part}", fragment(f"_person_{part}", **context))

    def pause(self, part: str) -> float:
        return 1.0


class AccountView(Shown):
    """One's own account: where one is signed in."""

    def __init__(self, parts: Parts, own: Session | None) -> None:
        super().__init__(parts)
        self.own = own

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, SessionsChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("sessions",) if self.own and self.own.user_id is not None else ()

    async def show(self, part: str) -> Markup:
        if self.own is None or self.own.user_id is None:
            return EMPTY
        rows = await session_rows(self.house, self.own, self.own.user_id)
        return partial("#account-sessions", fragment("_account_sessions", sessions=rows))

    def pause(self, part: str) -> float:
        return 1.0


async def session_rows(house: Parts, own: Session | None, person_id: int | None = None) -> list[SessionRow]:
    """Where they are signed in; this browser first."""
    rows = [
        SessionRow(
            one,
            agent_words(one.agent),
            WAYS[one.way] if one.way else "",
            own is not None and one.hash == own.hash,
        )
        for one in await house.signin.sessions(person_id)
    ]
    return sorted(rows, key=lambda row: not row.own)


async def people_context(house: Parts, query: dict[str, str], own: Session | None) -> dict[str, Any]:
    after = query.get("cursor") or None
    listed, following = await house.people.page(after=after)
    browsers = await house.people.browsers(listed)
    mine = own.user_id if own else None
    return {
        "people": [PersonRow(one, browsers.get(one.id, 0), one.id == mine) for one in listed],
        "first": after is None,
        "next": following,
        "sessions": await session_rows(house, own),
        "has_token": house.signin.has_admin_token,
    }


async def person_context(house: Parts, person_id: int, own: Session | None) -> dict[str, Any]:
    person = await house.people.get(person_id)
    return {
        "person": person,
        "own": own is not None and own.user_id == person_id,
        "meaning": MEANINGS[person.sight.role],
        "sessions": await session_rows(house, own, person_id),
    }


async def account_context(house: Parts, own: Session | None) -> dict[str, Any]:
    """Of who came in without an account, `person` is None."""
    if own is None or own.user_id is None:
        return {"person": None, "sessions": [], "codes_left": 0, "may_make": not await house.people.any(), "make": ""}
    person = await house.people.get(own.user_id)
    return {
        "person": person,
        "meaning": MEANINGS[person.sight.role],
        "sessions": await session_rows(house, own, person.id),
        "codes_left": await house.factor.codes_left(person) if person.second_factor else 0,
        "may_make": False,
        "make": "" if house.factor.vault.key else MAKE_KEY,
    }
