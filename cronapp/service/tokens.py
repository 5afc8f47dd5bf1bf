"""API tokens: made, told once, used, and revoked."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, ParamSpec, TypeVar

from cronapp.core.access import Principal, Role, Sight
from cronapp.core.addresses import place_of
from cronapp.core.clock import Clock
from cronapp.core.errors import BadToken, InvalidInput, StoreUnavailable, TokenNotFound
from cronapp.core.models import Json
from cronapp.core.sights import sight_of
from cronapp.core.tokens import LIFE, LISTED, PREFIX, SECRET, START, Token, TokenEnd, expiry_of, name_of
from cronapp.service.digests import digest
from cronapp.store import tokens
from cronapp.store.audit import note
from cronapp.store.store import Store, Tx
from cronapp.store.tokens import New

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
TOUCH_EVERY = timedelta(minutes=1)  # how often being used is written down
REFUSED_EVERY = timedelta(minutes=1)  # how often one address's refused tokens are written down,
REFUSED_MOST = 200  # of so many addresses
NOBODY = Sight(Role.VIEWER, frozenset())
UNKNOWN = "There is no such token."
ENDED = {
    TokenEnd.REVOKED: "This token was revoked. Use another one.",
    TokenEnd.EXPIRED: "This token has expired. Make a new one in Settings, or with `cronapp token create`.",
}


class Made(NamedTuple):
    """A new token, and its secret, which nobody can tell later."""

    token: Token
    secret: str


class Tokens:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._refused: OrderedDict[str, datetime] = OrderedDict()  # when it was written down last, by address

    async def create(self, role: Any, *, name: Any = None, tags: Any = None, expires: Any = LIFE) -> Made:
        """Makes a token; `expires` is a moment, for how long, or None for never. Raises `InvalidInput`."""
        now, errors = self.clock(), dict[str, str]()
        sight = tried(errors, sight_of, role, tags)
        called = tried(errors, name_of, name, str(role))
        expires_at = tried(errors, expiry_of, expires, now)
        if errors or sight is None or called is None:
            raise InvalidInput(errors)
        secret = PREFIX + secrets.token_urlsafe(32)

        kept = New(called, digest(secret), secret[:START], sight, now, expires_at)

        def change(tx: Tx) -> Token:
            token = tokens.add(tx, kept)
            note(tx, now, "token.created", token.start, after=words_of(token))
            return token

        return Made(await self.store.write(change), secret)

    async def page(self, *, before: int | None = None, limit: int = 50) -> tuple[list[Token], int | None]:
        """One page of tokens, the newest first, and the number to go on before, if there are more."""
        listed = await self.store.read(tokens.page, before, limit + 1)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

    async def get(self, token_id: int) -> Token:
        """Raises `TokenNotFound`."""
        return found(await self.store.read(tokens.get, token_id))

    async def rename(self, token_id: int, name: Any) -> Token:
        """Raises `InvalidInput` and `TokenNotFound`."""

        def change(tx: Tx) -> Token:
            before = found(tokens.get(tx.conn, token_id))
            called = name_of(name, before.name)
            if tokens.rename(tx, token_id, called):
                note(tx, self.clock(), "token.changed", before.start, before=named(before.name), after=named(called))
            return found(tokens.get(tx.conn, token_id))

        return await self.store.write(change)

    async def revoke(self, token_id: int) -> Token:
        """It is good for nothing any more, at once. Raises `TokenNotFound`."""
        now = self.clock()

        def change(tx: Tx) -> Token:
            if tokens.revoke(tx, token_id, now):
                before = found(tokens.get(tx.conn, token_id))
                note(tx, now, "token.revoked", before.start, before=words_of(before))
            return found(tokens.get(tx.conn, token_id))

        return await self.store.write(change)

    async def prune(self) -> int:
        """Forgets those that have been good for nothing for 30 days; answers how many."""
        return await self.store.write(tokens.prune, self.clock() - LISTED)

    # -- who comes in -------------------------------------------------------------------------------------------------

    async def known(self, secret: str, address: str = "") -> Token:
        """The token of that secret, if it is good; raises `BadToken`. `address` is from where it came."""
        token = await self.store.read(tokens.of_hash, digest(secret)) if SECRET.fullmatch(secret) else None
        now = self.clock()
        end = token.end(now) if token else None
        if token is None or end is not None:
            why = ENDED[end] if end else UNKNOWN
            await self.note_refused(address, why, token)
            raise BadToken(why)
        if token.used_at is None or token.used_at + TOUCH_EVERY <= now:
            await self._touch(token, now)
        return token

    async def is_good(self, token_id: int) -> bool:
        """Whether somebody who came in with it may stay."""
        token = await self.store.read(tokens.get, token_id)
        return token is not None and token.end(self.clock()) is None

    async def note_refused(self, address: str, why: str, token: Token | None = None) -> None:
        """Writes down that a token was refused: once in a minute for each address, so that nobody fills the books."""
        now, place = self.clock(), place_of(address)
        last = self._refused.get(place)
        if last is not None and timedelta(0) <= now - last < REFUSED_EVERY:
            return
        while self._refused and not timedelta(0) <= now - next(iter(self._refused.values())) < REFUSED_EVERY:
            self._refused.popitem(last=False)
        if len(self._refused) >= REFUSED_MOST:
            return
        self._refused[place] = now
        self._refused.move_to_end(place)

        def change(tx: Tx) -> None:
            tx.by = Principal(name="nobody known", sight=NOBODY, address=address)
            note(tx, now, "token.refused", token.start if token else None, reason=why)

        try:
            await self.store.write(change)
        except StoreUnavailable as error:
            log.warning("a token was refused, which cannot be written down: %s", error)

    async def _touch(self, token: Token, now: datetime) -> None:
        with suppress(StoreUnavailable):  # who only looks may do so while nothing can be written
            await self.store.write(tokens.touch, token.id, now, TOUCH_EVERY)


def found(token: Token | None) -> Token:
    if token is None:
        raise TokenNotFound
    return token


def named(name: str) -> Json:
    return {"name": name}


def words_of(token: Token) -> Json:
    """What the audit tells of it."""
    return {**named(token.name), **token.sight.words, "expires_at": told(token.expires_at)}


def told(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def tried(errors: dict[str, str], read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """What was read; or None, and what is wrong with it among the errors."""
    try:
        return read(*args, **kwargs)
    except InvalidInput as error:
        errors |= error.errors
        return None
