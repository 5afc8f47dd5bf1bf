"""A small OpenID Connect issuer on the loopback address: people sign in there without a question, and tests can have it
say what a wrong one would say."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from answering import Answering
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "cronapp", "the-client's secret: with +&% in it"
Claims = dict[str, Any]


def made_keys() -> Iterator[RSAKey]:
    """Two by turns, since it takes a while to make one."""
    made = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"}) for _ in range(2)]
    yield from itertools.cycle(made)


KEYS = made_keys()


@dataclass
class Issuer:
    """What it knows: its keys, the person who signs in, and the codes that it gave."""

    address: str = ""
    path: str = "/realms/main"
    person: Claims = field(default_factory=lambda: {"sub": "42", "preferred_username": "ada", "groups": ["ops"]})
    only_when_asked: Claims = field(default_factory=dict)  # told by userinfo alone
    change: Callable[[Claims], Claims] = dict
    sign: Callable[[Issuer, Claims], str] | None = None
    metadata: Claims = field(default_factory=dict)
    answer: dict[str, str] = field(default_factory=dict)  # added to what the browser brings back
    error: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[RSAKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.new_key()

    @property
    def url(self) -> str:
        return self.address + self.path

    def new_key(self) -> None:
        """Signs with another key from now on; the old ones are not known any more."""
        self.keys = [next(KEYS)]

    def told(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/logout",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
            **self.metadata,
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent with a code."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        if self.error:
            return f"{asked['redirect_uri']}?{urlencode({'error': self.error, 'state': asked['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], **self.answer})}"

    def exchange(self, sent: dict[str, str], authorization: str) -> tuple[int, Claims]:
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(sent["code"], None)
        if asked is None or sent["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if create_s256_code_challenge(sent["code_verifier"]) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        token = (self.sign or signed)(self, self.change(claims))
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": token}

    def userinfo(self, authorization: str) -> tuple[int, Claims]:
        if authorization != "Bearer access":
            return 401, {}
        return 200, {"sub": self.person["sub"], **self.only_when_asked}


def signed(issuer: Issuer, claims: Claims) -> str:
    key = issuer.keys[0]
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


def unsigned(issuer: Issuer, claims: Claims) -> str:
    """With the algorithm `none`."""
    return f"{part({'alg': 'none'})}.{part(claims)}."


def part(data: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


class Desk(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        self.issuer.asked.append(place.path)
        match place.path.removeprefix(self.issuer.path):
            case "/.well-known/openid-configuration":
                self.say(200, self.issuer.told())
            case "/keys":
                self.say(200, dict(KeySet(list(self.issuer.keys)).as_dict(private=False)))
            case "/userinfo":
                self.say(*self.issuer.userinfo(self.headers.get("Authorization", "")))
            case "/authorize":
                self.lead_on(self.issuer.authorize(fields(place.query)))
            case "/logout":
                self.lead_on(fields(place.query)["post_logout_redirect_uri"])
            case _:
                self.say(404, {})

    def do_POST(self) -> None:
        self.issuer.asked.append(self.path)
        sent = fields(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.say(*self.issuer.exchange(sent, self.headers.get("Authorization", "")))

    def lead_on(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def say(self, status: int, data: Claims) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def fields(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query).items()}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that serves until the end."""
    issuer = Issuer()
    server = Answering(type("OwnDesk", (Desk,), {"issuer": issuer}))
    issuer.address = server.url
    try:
        yield issuer
    finally:
        server.end()
