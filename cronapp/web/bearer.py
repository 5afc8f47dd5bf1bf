"""Programs: who comes in with a token in the `Authorization` header, and what is told to who sends it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quart import g, request

from cronapp.core.access import ALL, Principal
from cronapp.core.errors import BadToken, TokenInWrongPlace
from cronapp.core.tokens import SECRET
from cronapp.service.tokens import UNKNOWN
from cronapp.web.calls import calls
from cronapp.web.site import parts

ADMIN_TOKEN = "the admin token"
NOT_UNDERSTOOD = "Send one header `Authorization: Bearer TOKEN`, with one space and nothing after the token."
NAMES = {"token", "access_token", "api_key", "apikey", "authorization", "bearer"}
"""Names under which programs send tokens in the wrong place."""
LARGEST_FORM = 8_000  # bytes of a stranger's form that is looked into
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def known(headers: Sequence[str], address: str) -> Principal:
    """Who comes in with what these `Authorization` headers hold; raises `BadToken`, or `TooManyCalls` where too
    much was refused. A token of ours is looked up in any case: nobody can guess one."""
    secret = secret_of(headers)
    try:
        if SECRET.fullmatch(secret):
            g.token = await parts().tokens.known(secret, address)
            return Principal(name=f"token {g.token.name}", sight=g.token.sight, address=address)
        calls().admit_guess(address)
        if secret and parts().signin.is_admin_token(secret):
            return Principal(name=ADMIN_TOKEN, sight=ALL, address=address)
        await parts().tokens.note_refused(address, UNKNOWN if secret else NOT_UNDERSTOOD)
        raise BadToken(f"{UNKNOWN} {NOT_UNDERSTOOD}" if secret else NOT_UNDERSTOOD)
    except BadToken:
        calls().count_refused(address)
        raise


def secret_of(headers: Sequence[str]) -> str:
    """The token in `Bearer TOKEN`; nothing where it is not that, or stands there twice."""
    scheme, _, secret = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    good = scheme.lower() == "bearer" and secret == secret.strip() and secret.isprintable()
    return secret if good else ""


async def refuse_misplaced(address: str) -> None:
    """Tells a stranger who sends a token by the address, a cookie or a form where it belongs."""
    asked, kept, sent = request.args.items(multi=True), request.cookies.values(), await form_sent()
    if any(is_one(name, text) for name, text in (*asked, *sent)) or any(map(SECRET.search, kept)):
        calls().count_refused(address)
        raise TokenInWrongPlace


async def form_sent() -> Iterable[tuple[str, str]]:
    """The fields of a small form."""
    size = request.content_length
    if request.mimetype not in FORMS or size is None or size > LARGEST_FORM:
        return ()
    return list((await request.form).items(multi=True))


def is_one(name: str, text: str) -> bool:
    """Whether a field is a token, by its name or by how it looks."""
    return bool((name.lower() in NAMES and text) or SECRET.search(text))
