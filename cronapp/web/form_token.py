"""What proves that a form is one of ours: each page's forms carry a token that only who holds the session can make.

It stands in a field of every form that posts, so that it works without JavaScript, and for htmx in a header. Neither a
template nor a handler has to think of it: it is put into what goes out, and taken out of what comes in. A fragment is
rendered once for many people, so it cannot be in the fragment itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

from quart import Request, Response, g, request
from quart.wrappers.response import DataBody

from cronapp.core.errors import StaleForm
from cronapp.web.permissions import OPEN

FIELD = "form_token"
HEADER = "X-Form-Token"
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
PLACES = re.compile(r'<body\b|<form\b[^>]*\bmethod="post"[^>]*>')
SALT = 8  # bytes


def token_of(secret: str) -> str:
    """A token of the session with that secret. Each is another one: compression would tell one that stays the same,
    letter by letter, to somebody who can have a page show what they like."""
    return signed(secret, secrets.token_hex(SALT))


def signed(secret: str, salt: str) -> str:
    return f"{salt}.{hmac.new(secret.encode(), f'form {salt}'.encode(), hashlib.sha256).hexdigest()}"


def is_good(token: str, secret: str) -> bool:
    return hmac.compare_digest(token.encode(), signed(secret, token.partition(".")[0]).encode())


def filled(html: str, token: str) -> str:
    """A page or a part of it, with the token where it belongs."""
    field = f'<input type="hidden" name="{FIELD}" value="{token}">'
    header = f"""<body hx-headers:inherited='{{"{HEADER}": "{token}"}}'"""
    return PLACES.sub(lambda place: header if place[0] == "<body" else place[0] + field, html)


class Asked(Request):
    """A request whose form is what the person filled in, without our field."""

    form_token = ""

    async def _load_form_data(self) -> None:
        await super()._load_form_data()
        form: Any = self._form
        self.form_token = form.get(FIELD, self.form_token)
        filled_in = [(storable(name), storable(text)) for name, text in form.items(multi=True) if name != FIELD]
        self._form = type(form)(filled_in)


def storable(text: str) -> str:
    """A text of a form without NUL, which nobody types and PostgreSQL does not hold."""
    return text.replace("\0", "\ufffd")


async def refuse_forged() -> None:
    """Before each request that comes with a browser's cookie and changes something: raises unless it proves that a page
    of this session sent it. What comes with a token of the API proves itself: no other site can send that."""
    secret = g.get("form_secret")
    if secret is None or request.method in SAFE or request.endpoint in OPEN:
        return
    asked: Any = request
    token = request.headers.get(HEADER)
    if token is None:
        await asked.form
        token = asked.form_token
    if not is_good(token, secret):
        raise StaleForm


async def fill(response: Response) -> Response:
    """After each request: puts the token into a page or a part of one."""
    secret = g.get("form_secret")
    if secret is not None and response.mimetype == "text/html" and isinstance(response.response, DataBody):
        response.set_data(filled(await response.get_data(as_text=True), token_of(secret)))
    return response
