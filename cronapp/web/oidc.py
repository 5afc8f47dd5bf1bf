"""Signing in at an OpenID Connect issuer: there, and back again."""

from __future__ import annotations

from urllib.parse import quote, unquote

from quart import Blueprint, make_response, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import CronAppError, IssuerAway, NotFound, NotInvited, SignInFailed
from cronapp.service.single_sign_on import FLOW_LIFE, Flow
from cronapp.web import cookies
from cronapp.web.auth import visitor
from cronapp.web.login import inside, login_page
from cronapp.web.site import parts

pages = Blueprint("oidc", __name__)
KIND = "sso"  # what the cookie of a sign-in on its way is for
TARGET = "~"  # stands between its secret, which holds none, and where it leads


@pages.get("/login/oidc")
async def begin() -> ResponseReturnValue:
    """Sends the browser to the issuer."""
    if not parts().sign_on:
        raise NotFound
    target = inside(request.args.get("next"))
    try:
        flow, there = await parts().sign_on.begin(redirect_uri())
    except IssuerAway as error:
        return await failed(error, target)
    response = await make_response(redirect(there, 303))
    cookies.put(response, flow.secret + TARGET + quote(target), FLOW_LIFE, KIND)
    return response


@pages.get("/login/oidc/callback")
async def callback() -> ResponseReturnValue:
    """Takes the browser back from the issuer, and signs it in."""
    house = parts()
    if not house.sign_on:
        raise NotFound
    secret, _, target = cookies.read(KIND).partition(TARGET)
    flow = Flow(secret or "none", request.args.get("state", ""))
    try:
        if not secret:
            raise SignInFailed("This sign-in was begun in another browser or too long ago. Begin it anew.")
        who = await house.sign_on.finish(flow, request.args, redirect_uri())
        own = await house.arrivals.sign_in(who, visitor())
    except (SignInFailed, IssuerAway, NotInvited) as error:
        html, status = await failed(error, inside(unquote(target)))
        response = await make_response(html, status)
    else:
        response = await make_response(redirect(inside(unquote(target)), 303))
        cookies.put(response, own, house.signin.life)
    cookies.drop(response, KIND)
    return response


async def failed(error: CronAppError, target: str) -> tuple[str, int]:
    return await login_page(error=str(error), target=target), error.status


def redirect_uri() -> str:
    """Where the issuer sends the browser back to; it must be known there, word for word."""
    return request.url_root + "login/oidc/callback"
