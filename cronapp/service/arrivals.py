"""Those who are signed in elsewhere, at an issuer or by a proxy: who they are here, and what they may."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from cronapp.config import Settings
from cronapp.core.access import Principal, Sight, asking
from cronapp.core.clock import Clock
from cronapp.core.errors import NotInvited
from cronapp.core.groups import GroupRole, parse_groups, parse_sight, sight_of
from cronapp.core.people import Person
from cronapp.service.signin import SignIn, Visitor
from cronapp.store import arrivals, audit, people
from cronapp.store.signin import Way
from cronapp.store.store import Store, Tx

LONGEST_NAME = 100
PROXY = "proxy|"
"""How the subjects of those begin whom a proxy names; those of an issuer begin with its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who somebody is where they signed in."""

    subject: str
    name: str
    groups: frozenset[str]
    by: str  # what says so
    address: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the groups of one place give."""

    groups: tuple[GroupRole, ...] = ()
    default: Sight | None = None


class Arrivals:
    def __init__(self, store: Store, clock: Clock, settings: Settings, signin: SignIn) -> None:
        self.store = store
        self.signin = signin
        self.clock = clock
        self._issuer = rules_of(settings.oidc_roles, settings.oidc_default_role)
        self._proxy = rules_of(settings.proxy_roles, settings.proxy_default_role)

    async def sign_in(self, who: Newcomer, visitor: Visitor) -> str:
        """Signs in who came from the issuer, and answers the secret of a new session. Raises `NotInvited`."""
        account = await self._enter(replace(who, address=visitor.address), self._issuer)
        opens = await self.store.read(people.lock_numbered, account.id)
        if opens is None:
            raise NotInvited(who.name, disabled=True)
        return await self.signin.enter(opens.person, Way.ELSEWHERE, visitor)

    async def known(self, name: str, groups: Collection[str], address: str) -> Principal:
        """Who a trusted proxy says asks; raises `NotInvited`."""
        who = Newcomer(
            subject=PROXY + name, name=printable(name), groups=frozenset(groups), by="the proxy", address=address
        )
        account = await self._enter(who, self._proxy)
        return Principal(name=account.name, sight=account.sight, address=address)

    async def _enter(self, who: Newcomer, rules: Rules) -> Person:
        """Their account, with the role that their groups give now; a new one if they never came before."""
        account = await self.store.read(arrivals.arrival, who.subject)
        sight = sight_of(who.groups, rules.groups, rules.default)
        if sight is None or (account and account.disabled_at):
            raise NotInvited(who.name, disabled=sight is not None)
        if account is None or account.sight != sight:
            asking.set(Principal(name=account.name if account else who.name, sight=sight, address=who.address))
            account = await self.store.write(self._keep, who, sight, account, self.clock())
        if account is None:
            raise NotInvited(who.name, disabled=False)
        asking.set(Principal(name=account.name, sight=sight, address=who.address))
        return account

    @staticmethod
    def _keep(tx: Tx, who: Newcomer, sight: Sight, account: Person | None, now: datetime) -> Person | None:
        if account is not None:
            arrivals.renew(tx, account, sight)
            audit.note(tx, now, "user.changed", account.name, before=account.sight.words, after=sight.words)
            return arrivals.arrival(tx.conn, who.subject)
        made = arrivals.add(tx, who.subject, who.name, sight, now)
        if made is not None:
            audit.note(tx, now, "user.created", made.name, after=sight.words, reason=f"Came by {who.by}.")
        return made


def rules_of(groups: str, default: str | None) -> Rules:
    return Rules(parse_groups(groups), parse_sight(default) if default else None)


def printable(text: str) -> str:
    """A name from elsewhere as it may stand in a list: one line, and not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME] or "somebody"
