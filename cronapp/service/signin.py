"""Who may come in: one-time links, the fixed admin token, names and passwords; and the sessions that begin so."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from cronapp.core.access import ALL, Principal, Role, Sight
from cronapp.core.attempts import for_address, for_code, for_name
from cronapp.core.clock import Clock
from cronapp.core.errors import Busy, NotFound, SignInOver, WrongCode, WrongPassword
from cronapp.core.people import LONGEST_NAME, Person, folded, printable
from cronapp.service.digests import digest
from cronapp.service.passwords import compared
from cronapp.service.second_factor import SecondFactor
from cronapp.service.throttle import Throttle
from cronapp.store import people, signin
from cronapp.store.audit import note
from cronapp.store.dialects import lock
from cronapp.store.signin import Session, Way
from cronapp.store.store import Store, Tx

LINK_LIFE = timedelta(minutes=15)
HALF_LIFE = timedelta(minutes=5)  # how long the code is waited for
LONGEST_AGENT = 300  # letters
MOST_SESSIONS = 200  # that are listed
TOUCH_EVERY = timedelta(minutes=5)  # how often being seen is written down
NOBODY = Sight(Role.VIEWER, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who signs in: how their browser names itself, from where it asks, and the secret of the session that it has
    already, which ends as the new one begins."""

    agent: str = ""
    address: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Half:
    """The password was good, and a code is asked for: the secret of what was begun."""

    secret: str


class SignIn:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        throttle: Throttle,
        factor: SecondFactor,
        *,
        admin_token: str | None,
        idle: timedelta,
        life: timedelta,
    ) -> None:
        """A session ends `idle` after it was seen last, and `life` after it began."""
        self.store = store
        self.clock = clock
        self.throttle = throttle
        self.factor = factor
        self.idle = idle
        self.life = life
        self._admin_token = digest(admin_token) if admin_token else None

    # -- coming in ----------------------------------------------------------------------------------------------------

    async def new_link(self) -> str:
        """A token that signs one person in, once, within a quarter of an hour, as long as there is no account. Only its
        hash is kept."""
        token = secrets.token_urlsafe(32)
        now = self.clock()
        await self.store.write(signin.add_link, digest(token), now + LINK_LIFE, now)
        return token

    async def use_link(self, token: str, visitor: Visitor = Visitor()) -> str | None:
        """Uses a link's token up and answers the secret of a new session; None when the token is good for nothing.

        The admin token signs in too, and is not used up. Raises `TooManyAttempts`.
        """
        counter = for_address(visitor.address)
        await self.throttle.admit(counter)
        now = self.clock()
        fixed = self.is_admin_token(token)
        name, way = ("the admin token", Way.TOKEN) if fixed else ("a one-time link", Way.LINK)
        secret, session = self._session(name, ALL, way, visitor)

        def change(tx: Tx) -> bool:
            lock(tx.conn, people.KEEPING)  # who makes the first account ends all links
            good = fixed or (not people.any_account(tx.conn) and signin.use_link(tx, digest(token), now))
            if good:
                self._begin(tx, session, visitor)
            else:
                self._refuse(tx, visitor, None, "This link or token is not good.")
            return good

        if not await self.store.write(change):
            return None
        await self.throttle.take_back(counter)
        return secret

    async def by_password(self, name: str, password: str, visitor: Visitor) -> str | Half:
        """The secret of a new session, or what was begun where a second factor is on. Takes as long for a name that
        nobody has. Raises `WrongPassword`, `TooManyAttempts` and `Busy`."""
        called = folded(name[: 2 * LONGEST_NAME])
        of_name, of_address = for_name(called), for_address(visitor.address)
        await self.throttle.admit(of_name, of_address)
        opens = await self.store.read(people.lock_named, called)
        try:
            outcome = await compared(password, opens.password if opens else None)
        except Busy:
            await self.throttle.take_back(of_name, of_address)
            raise
        if opens is None or not outcome.good:
            await self.store.write(self._refuse, visitor, name, "The name and the password do not fit.")
            raise WrongPassword
        await self.throttle.forget(of_name)
        await self.throttle.take_back(of_address)
        if outcome.renewed and opens.password:
            await self.store.write(people.renew_hash, opens.person.id, opens.password, outcome.renewed)
        if opens.person.second_factor:
            return await self._half(opens.person)
        return await self.enter(opens.person, Way.PASSWORD, visitor)

    async def _half(self, person: Person) -> Half:
        secret, now = secrets.token_urlsafe(32), self.clock()
        await self.store.write(signin.add_half, digest(secret), person.id, now + HALF_LIFE, now)
        return Half(secret)

    async def half(self, secret: str) -> bool:
        """Whether a code is still waited for."""
        return await self.store.read(signin.half_of, digest(secret), self.clock()) is not None

    async def by_code(self, secret: str, code: str, visitor: Visitor) -> str:
        """The second step: the secret of a new session. Raises `WrongCode`, `SignInOver` and `TooManyAttempts`."""
        person_id = await self.store.read(signin.half_of, digest(secret), self.clock())
        opens = await self.store.read(people.lock_numbered, person_id) if person_id is not None else None
        if opens is None:
            raise SignInOver
        person = opens.person
        counters = for_code(person.id), for_address(visitor.address)
        await self.throttle.admit(*counters)

        def change(tx: Tx) -> str | None:
            way = self.factor.way_of(tx, person, code)
            if way is None:
                self._refuse(tx, visitor, person.name, "The code is not good.")
                return None
            if not signin.end_half(tx, digest(secret)):
                raise SignInOver
            made, session = self._session(person.name, person.sight, way, visitor, person.id)
            self._begin(tx, session, visitor)
            return made

        made = await self.store.write(change)
        if made is None:
            raise WrongCode
        await self.throttle.forget(counters[0])
        await self.throttle.take_back(counters[1])
        return made

    async def enter(self, person: Person, way: Way, visitor: Visitor) -> str:
        """Begins a session of somebody who is known; answers its secret."""
        secret, session = self._session(person.name, person.sight, way, visitor, person.id)
        await self.store.write(self._begin, session, visitor)
        return secret

    async def confirm(self, person_id: int, password: str, visitor: Visitor) -> None:
        """Asks once more for the password of who is signed in. Raises `WrongPassword`, `TooManyAttempts`, `Busy`."""
        opens = await self.store.read(people.lock_numbered, person_id)
        name = opens.person.name if opens else ""
        counters = for_name(folded(name)), for_address(visitor.address)
        await self.throttle.admit(*counters)
        try:
            outcome = await compared(password, opens.password if opens else None)
        except Busy:
            await self.throttle.take_back(*counters)
            raise
        if not outcome.good:
            await self.store.write(self._refuse, visitor, name, "The current password is another one.")
            raise WrongPassword("This is not your current password.")
        await self.throttle.forget(counters[0])
        await self.throttle.take_back(counters[1])

    def _session(
        self, name: str, sight: Sight, way: Way, visitor: Visitor, person_id: int | None = None
    ) -> tuple[str, Session]:
        now, secret = self.clock(), secrets.token_urlsafe(32)
        session = Session(
            hash=digest(secret),
            created_at=now,
            seen_at=now,
            expires_at=now + self.life,
            user=name,
            sight=sight,
            user_id=person_id,
            agent=visitor.agent[:LONGEST_AGENT],
            address=visitor.address,
            way=way,
        )
        return secret, session

    def _begin(self, tx: Tx, session: Session, visitor: Visitor) -> None:
        """A new session always has a new secret, and ends the one that the browser had."""
        if session.user_id is not None and people.lock_numbered(tx.conn, session.user_id) is None:
            raise WrongPassword  # the account was disabled or removed meanwhile
        if visitor.secret:
            signin.end_session(tx, digest(visitor.secret))
        tx.by = Principal(name=session.user, sight=session.sight, address=visitor.address)
        signin.add_session(tx, session)
        note(tx, session.created_at, "session.began", session.user, after={"way": session.way})

    def _refuse(self, tx: Tx, visitor: Visitor, name: str | None, why: str) -> None:
        tx.by = Principal(name="nobody known", sight=NOBODY, address=visitor.address)
        tried = None if name is None else printable(name[:LONGEST_NAME])
        note(tx, self.clock(), "session.refused", tried, reason=why)

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def session(self, secret: str) -> Session | None:
        """The living session of that secret."""
        session = await self.store.read(signin.session, digest(secret))
        now = self.clock()
        if session is None or session.expires_at <= now or session.seen_at + self.idle <= now:
            return None
        if session.seen_at + TOUCH_EVERY <= now:
            await self.store.write(signin.touch_session, session, now)
            session = replace(session, seen_at=now)
        return session

    async def sessions(self, person_id: int | None = None) -> list[Session]:
        """Who is signed in, or where that person is, those seen last first; at most 200."""
        return await self.store.read(signin.living, self.clock(), self.idle, MOST_SESSIONS, person_id)

    async def end(self, name: str, person_id: int | None = None) -> None:
        """Ends the session of that id, if it is that person's, or anybody's; raises `NotFound`."""

        def change(tx: Tx) -> None:
            session = signin.named(tx.conn, name, person_id) if len(name) >= len(digest("")[:16]) else None
            if session is None or not signin.end_session(tx, session.hash):
                raise NotFound("This session has ended already.")
            note(tx, self.clock(), "session.ended", session.user)

        await self.store.write(change)

    async def end_others(self, secret: str) -> int:
        """Ends all sessions but that of this secret; answers how many."""

        def change(tx: Tx) -> int:
            gone = signin.end_others(tx, digest(secret))
            if gone:
                note(tx, self.clock(), "session.ended", before={"sessions": gone})
            return gone

        return await self.store.write(change)

    async def sign_out(self, secret: str) -> None:
        def change(tx: Tx) -> None:
            session = signin.session(tx.conn, digest(secret))
            if session is not None and signin.end_session(tx, session.hash):
                note(tx, self.clock(), "session.ended", session.user)

        await self.store.write(change)

    # -- the admin token ----------------------------------------------------------------------------------------------

    @property
    def has_admin_token(self) -> bool:
        return self._admin_token is not None

    def is_admin_token(self, token: str) -> bool:
        return self._admin_token is not None and hmac.compare_digest(digest(token), self._admin_token)
