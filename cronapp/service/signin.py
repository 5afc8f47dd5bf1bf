"""Who may come in: one-time links, sessions, and the fixed admin token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from cronapp.core.access import ALL
from cronapp.core.clock import Clock
from cronapp.core.errors import NotFound
from cronapp.store import signin
from cronapp.store.signin import Session
from cronapp.store.store import Store, Tx

LINK_LIFE = timedelta(minutes=30)
SESSION_LIFE = timedelta(days=30)  # at the longest
IDLE_LIFE = timedelta(days=7)
LONGEST_AGENT = 300  # letters
MOST_SESSIONS = 200  # that are listed
TOUCH_EVERY = timedelta(minutes=5)  # how often being seen is written down


class SignIn:
    def __init__(self, store: Store, clock: Clock, admin_token: str | None) -> None:
        self.store = store
        self.clock = clock
        self._admin_token = digest(admin_token) if admin_token else None

    async def new_link(self) -> str:
        """A token that signs one person in, once, within half an hour. Only its hash is kept."""
        token = secrets.token_urlsafe(32)
        now = self.clock()
        await self.store.write(signin.add_link, digest(token), now + LINK_LIFE, now)
        return token

    async def use_link(self, token: str, agent: str = "", address: str = "") -> str | None:
        """Uses a link's token up and answers the secret of a new session; None when the token is good for nothing.

        The admin token signs in too, and is not used up. `agent` is how the browser names itself, and `address` from
        where it asks.
        """
        now = self.clock()
        secret = secrets.token_urlsafe(32)
        session = Session(
            hash=digest(secret),
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_LIFE,
            user="admin",
            sight=ALL,
            agent=agent[:LONGEST_AGENT],
            address=address,
        )
        fixed = self.is_admin_token(token)

        def change(tx: Tx) -> bool:
            if not fixed and not signin.use_link(tx, digest(token), now):
                return False
            signin.add_session(tx, session)
            return True

        return secret if await self.store.write(change) else None

    async def session(self, secret: str) -> Session | None:
        """The living session of that secret."""
        session = await self.store.read(signin.session, digest(secret))
        now = self.clock()
        if session is None or session.expires_at <= now or session.seen_at + IDLE_LIFE <= now:
            return None
        if session.seen_at + TOUCH_EVERY <= now:
            await self.store.write(signin.touch_session, session.hash, now)
        return session

    async def sessions(self) -> list[Session]:
        """Who is signed in, those seen last first; at most 200."""
        return await self.store.read(signin.living, self.clock(), IDLE_LIFE, MOST_SESSIONS)

    async def end(self, name: str) -> None:
        """Ends the session of that id; raises `NotFound`."""
        if len(name) < len(digest("")[:16]) or not await self.store.write(signin.end_named, name):
            raise NotFound("This session has ended already.")

    async def end_others(self, secret: str) -> int:
        """Ends all sessions but that of this secret; answers how many."""
        return await self.store.write(signin.end_others, digest(secret))

    @property
    def has_admin_token(self) -> bool:
        return self._admin_token is not None

    async def sign_out(self, secret: str) -> None:
        await self.store.write(signin.end_session, digest(secret))

    def is_admin_token(self, token: str) -> bool:
        return self._admin_token is not None and hmac.compare_digest(digest(token), self._admin_token)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits; a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
