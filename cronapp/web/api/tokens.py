"""/tokens: what programs come in with. A token itself is told once, by the answer that makes it. /me: who asks."""

from __future__ import annotations

from datetime import datetime

from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.tokens import LIFE, Token
from cronapp.service.tokens import Made
from cronapp.web.api.asked import body, limit, number
from cronapp.web.api.told import at, items
from cronapp.web.site import parts

api = Blueprint("tokens", __name__)


@api.get("/me")
async def me() -> Json:
    """Who asks, and what they may do."""
    return {
        "name": g.who.name,
        **g.who.sight.words,
        "token": g.token.id if g.token else None,
        "expires_at": at(g.token.expires_at) if g.token else None,
    }


@api.get("/tokens")
async def index() -> Json:
    """The tokens, the newest first."""
    tokens, following = await parts().tokens.page(before=number("cursor"), limit=limit())
    now = parts().clock()
    return items([token_json(token, now) for token in tokens], following)


@api.post("/tokens")
async def create() -> ResponseReturnValue:
    sent = only(await body(), "role", "name", "tags", "expires")
    sent.setdefault("expires", LIFE)
    made = await parts().tokens.create(
        sent.get("role"), name=sent.get("name"), tags=sent.get("tags"), expires=sent["expires"]
    )
    return made_json(made, parts().clock()), 201, {"Location": f"/api/v1/tokens/{made.token.id}"}


@api.get("/tokens/<int:token_id>")
async def show(token_id: int) -> Json:
    return token_json(await parts().tokens.get(token_id), parts().clock())


@api.patch("/tokens/<int:token_id>")
async def rename(token_id: int) -> Json:
    """Another name. What a token may do is not changed: revoke it, and make another one."""
    sent = only(await body(), "name")
    if not sent.get("name"):
        raise InvalidInput.of("name", "Write the token's new name.")
    return token_json(await parts().tokens.rename(token_id, sent["name"]), parts().clock())


@api.delete("/tokens/<int:token_id>")
async def revoke(token_id: int) -> ResponseReturnValue:
    await parts().tokens.revoke(token_id)
    return "", 204


def only(sent: Json, *names: str) -> Json:
    """What was sent, if nothing else was."""
    if unknown := sorted(sent.keys() - set(names)):
        raise InvalidInput({name: f"There is no such field. There are {', '.join(names)}." for name in unknown})
    return sent


def made_json(made: Made, now: datetime) -> Json:
    """A new token with its secret, this once."""
    return {**token_json(made.token, now), "token": made.secret}


def token_json(token: Token, now: datetime) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "start": token.start,
        **token.sight.words,
        "state": token.end(now) or "good",
        "created_at": at(token.created_at),
        "created_by": token.by,
        "expires_at": at(token.expires_at),
        "used_at": at(token.used_at),
        "revoked_at": at(token.revoked_at),
    }
