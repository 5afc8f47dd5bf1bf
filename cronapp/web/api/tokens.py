"""/tokens: what programs come in with. A token itself is told once, by the answer that makes it. /me: who asks."""

from __future__ import annotations

from datetime import datetime

from quart import g

from cronapp import wire
from cronapp.core.access import Principal
from cronapp.core.errors import InvalidInput
from cronapp.core.tokens import LIFE, Token
from cronapp.service.tokens import Made
from cronapp.web.api.asked import CURSOR, LIMIT, limit, number, only
from cronapp.web.api.told import items, tags_told
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Created, Done
from cronapp.web.site import parts

api = Part("tokens", __name__, "Tokens")


@api.get("/me")
async def me() -> wire.Me:
    """Who asks, and what they may do."""
    who: Principal = g.who
    return wire.Me(
        name=who.name,
        role=who.sight.role,
        tags=tags_told(who.sight),
        token=g.token.id if g.token else None,
        expires_at=g.token.expires_at if g.token else None,
    )


@api.get("/tokens", params=(CURSOR, LIMIT))
async def index() -> wire.Items[wire.Token]:
    """The tokens, the newest first. Those that ended are listed for 30 days."""
    tokens, following = await parts().tokens.page(before=number("cursor"), limit=limit())
    now = parts().clock()
    return items(wire.Token, [token_told(token, now) for token in tokens], following)


@api.post("/tokens", takes=wire.TokenAsked)
async def create() -> Created[wire.MadeToken]:
    """Make a token. Only `role` is needed; the answer holds the token, and no other one ever does."""
    sent = await only(wire.TokenAsked)
    sent.setdefault("expires", LIFE)
    made = await parts().tokens.create(
        sent.get("role"), name=sent.get("name"), tags=sent.get("tags"), expires=sent["expires"]
    )
    return Created(made_told(made, parts().clock()), f"/api/v1/tokens/{made.token.id}")


@api.get("/tokens/<int:token_id>")
async def show(token_id: int) -> wire.Token:
    """One token."""
    return token_told(await parts().tokens.get(token_id), parts().clock())


@api.patch("/tokens/<int:token_id>", takes=wire.RenameAsked)
async def rename(token_id: int) -> wire.Token:
    """Give a token another name. What it may do is not changed: revoke it, and make another one."""
    sent = await only(wire.RenameAsked)
    if not sent.get("name"):
        raise InvalidInput.of("name", "Write the token's new name.")
    return token_told(await parts().tokens.rename(token_id, sent["name"]), parts().clock())


@api.delete("/tokens/<int:token_id>")
async def revoke(token_id: int) -> Done:
    """Revoke a token: it is good for nothing any more, at once."""
    await parts().tokens.revoke(token_id)
    return Done()


def made_told(made: Made, now: datetime) -> wire.MadeToken:
    """A new token with its secret, this once."""
    return wire.MadeToken(**dict(token_told(made.token, now)), token=made.secret)


def token_told(token: Token, now: datetime) -> wire.Token:
    end = token.end(now)
    return wire.Token(
        id=token.id,
        name=token.name,
        start=token.start,
        role=token.sight.role,
        tags=tags_told(token.sight),
        state=end.value if end else "good",
        created_at=token.created_at,
        created_by=token.by,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )
