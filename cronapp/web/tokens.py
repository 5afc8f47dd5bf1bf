"""The API tokens: made in a dialog, which tells each once, renamed and revoked."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.tokens import LIFE
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done, show
from cronapp.web.site import parts
from cronapp.web.views.tokens import LIVES, ROLES, tokens_context

pages = Blueprint("tokens", __name__, url_prefix="/settings/tokens")
PLACE = "/settings/tokens"


@pages.get("")
async def index() -> str:
    context = await tokens_context(parts(), request.args.to_dict(), request.host_url)
    return await show("settings", nav="settings", topic="settings:tokens", part="tokens", **context)


@pages.get("/new")
async def ask_new() -> ResponseReturnValue:
    return await asked({"role": "viewer", "expires": LIFE})


@pages.post("")
async def create() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        made = await parts().tokens.create(
            texts.get("role"), name=texts.get("name"), tags=tags_of(texts), expires=texts.get("expires", LIFE)
        )
    except InvalidInput as error:
        return await asked(texts, error)
    title = f"The token {made.token.name}"
    return await ask("_token_made", nav="settings", title=title, token=made.token, secret=made.secret)


@pages.get("/<int:token_id>/rename")
async def ask_rename(token_id: int) -> ResponseReturnValue:
    token = await parts().tokens.get(token_id)
    return await asked_name(token_id, {"name": token.name})


@pages.post("/<int:token_id>/rename")
async def rename(token_id: int) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        token = await parts().tokens.rename(token_id, texts.get("name"))
    except InvalidInput as error:
        return await asked_name(token_id, texts, error)
    return done(PLACE, answered(), toast(f"The token is called {token.name}."))


@pages.get("/<int:token_id>/revoke")
async def ask_revoke(token_id: int) -> ResponseReturnValue:
    token = await parts().tokens.get(token_id)
    return await ask("_ask_revoke", nav="settings", title=f"Revoke the token {token.name}?", token=token)


@pages.post("/<int:token_id>/revoke")
async def revoke(token_id: int) -> ResponseReturnValue:
    token = await parts().tokens.revoke(token_id)
    return done(PLACE, answered(), toast(f"The token {token.name} is revoked."))


def tags_of(texts: Mapping[str, str]) -> list[str] | None:
    """Typed with commas between them; None: none were, so all jobs are meant."""
    return [tag.strip() for tag in texts.get("tags", "").split(",") if tag.strip()] or None


async def asked(values: Mapping[str, str], error: InvalidInput | None = None) -> ResponseReturnValue:
    context = {"values": values, "errors": error.errors if error else {}, "roles": ROLES, "lives": LIVES}
    context["tags"] = [tag for tag, _ in (await parts().jobs.offers())["tag"]]
    status = error.status if error else 200
    return await ask("_ask_token", nav="settings", title="A new token", status=status, **context)


async def asked_name(
    token_id: int, values: Mapping[str, str], error: InvalidInput | None = None
) -> ResponseReturnValue:
    context = {"values": values, "errors": error.errors if error else {}, "token_id": token_id}
    status = error.status if error else 200
    return await ask("_ask_token_name", nav="settings", title="Rename the token", status=status, **context)
